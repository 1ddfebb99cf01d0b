//! `tolkien audit`: what was called and what came of it, and whether the trail of it is whole.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::failure::{Failure, Result};
use super::render::{self, Screen};
use super::{Exit, compose, root, serve};
use crate::agent::audit::What;
use crate::config::Overrides;
use crate::config::settings::StoreLocation;
use crate::policy::Decision;
use crate::store::Location;
use crate::store::audit::{Check, Content, Filter, Line, Reader};

/// Records that are read at a time.
const PAGE: u32 = 500;

/// Read the audit trail, or check that it is whole
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien audit --tool kubectl --verdict deny\n  tolkien audit --json --session s_0a1b | jq .\n  \
                  tolkien audit --verify\n  tolkien audit --verify --head 5f3c… --file /var/log/tolkien/audit.jsonl",
    long_about = "Prints the audit trail of the store, oldest first: two records for each call, its \
                  decision and its outcome. A server may be running meanwhile.\n\n--verify prints \
                  nothing of it and checks its chain instead: a record that was changed, removed or \
                  moved is told. A cut end shows only to who knows a later hash: the server logs its \
                  head now and then, and --head looks for it.\n\nExit codes: 0 read, or whole; 1 not \
                  whole; 2 wrong usage, or no store in the configuration; 4 the trail cannot be read."
)]
pub(crate) struct Audit {
    /// Only of this session, by its id or the beginning of it
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only of this tool
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Only of this caller
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// Only decisions with this answer: allow, ask or deny
    #[arg(long, value_name = "VERDICT", value_parser = verdict)]
    verdict: Option<Decision>,
    /// Print the records as they are kept, one JSON object a line
    #[arg(long)]
    json: bool,
    /// Check the chain
    #[arg(long, conflicts_with_all = ["session", "tool", "caller", "verdict", "json"])]
    verify: bool,
    /// The hash of a record that must be there, or the beginning of it
    #[arg(long, value_name = "HASH", requires = "verify")]
    head: Option<String>,
    /// Read a copy in place of the store
    #[arg(long, value_name = "FILE", conflicts_with = "store")]
    file: Option<PathBuf>,
    #[arg(long, value_name = "URL", value_parser = serve::store, help = serve::STORE_HELP)]
    store: Option<StoreLocation>,
}

fn verdict(text: &str) -> std::result::Result<Decision, String> {
    [Decision::Allow, Decision::Ask, Decision::Deny]
        .into_iter()
        .find(|decision| decision.as_str() == text)
        .ok_or_else(|| "write `allow`, `ask` or `deny`".to_owned())
}

impl Audit {
    /// Reads and prints, or checks.
    pub(crate) async fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        if self.verify {
            let mut check = Check::new(self.head.clone());
            if self.file.is_some() {
                check = check.of_a_copy();
            }
            let take = |line: Option<Line>| {
                check.take(line.as_ref());
                Ok(())
            };
            self.each(config, screen, take).await?;
            return told(check, screen);
        }
        let filter = self.filter();
        let mut is_empty = true;
        let print = |line: Option<Line>| {
            let read = line.and_then(|line| Some((line.content()?, line)));
            match read {
                Some((content, _)) if !filter.covers(&content) => Ok(()),
                Some((content, line)) => {
                    is_empty = false;
                    screen.line(&if self.json {
                        line.whole()
                    } else {
                        shown(&content)
                    })
                }
                None => {
                    screen.warn("a line is not a record; `--verify` says which");
                    Ok(())
                }
            }
        };
        self.each(config, screen, print).await?;
        if is_empty {
            screen.note("no record is as asked for");
        }
        Ok(Exit::Done)
    }

    fn filter(&self) -> Filter {
        Filter {
            after: None,
            session: self.session.clone(),
            tool: self.tool.clone(),
            caller: self.caller.clone(),
            verdict: self.verdict,
            most: PAGE,
        }
    }

    /// Goes through the trail; nothing stands for a line of a copy that is no record.
    async fn each(
        &self,
        config: Option<&Path>,
        screen: &Screen,
        mut take: impl FnMut(Option<Line>) -> Result<()>,
    ) -> Result<()> {
        if let Some(path) = &self.file {
            let failed = || format!("cannot read `{}`", path.display());
            let file = BufReader::new(File::open(path).with_context(failed)?);
            for line in file.lines() {
                take(Line::parse(&line.with_context(failed)?))?;
            }
            return Ok(());
        }
        let reader = self.reader(config, screen).await?;
        let mut filter = self.filter();
        loop {
            let lines = reader.lines(&filter).await.map_err(Failure::environment)?;
            let full = lines.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
            for (place, line) in lines {
                take(Some(line))?;
                filter.after = Some(place);
            }
            if !full {
                return Ok(());
            }
        }
    }

    async fn reader(&self, config: Option<&Path>, screen: &Screen) -> Result<Reader> {
        let location = self.location(config, screen)?;
        if let Location::File(path) = &location
            && !path.exists()
        {
            let path = path.display();
            return Err(Failure::environment(format!(
                "there is no store `{path}`, so nothing was recorded in it"
            ))
            .help("the first session makes it; `--store` names another"));
        }
        let reader = Reader::open(&location).await?;
        reader.ok_or_else(|| {
            Failure::environment("the store is in memory, so its trail ended with its server")
                .help("read the copy that `audit.file` of the settings names: `--file`")
        })
    }

    /// Where the store is. Nothing else of a configuration matters: whoever looks for what went wrong
    /// may have one that is.
    fn location(&self, config: Option<&Path>, screen: &Screen) -> Result<Location> {
        if let Some(StoreLocation::Sqlite(path)) = &self.store {
            return Ok(Location::File(path.clone()));
        }
        let (settings, loaded) = root::settings(&root::choose(config), Overrides::Environment)?;
        let store = self.store.as_ref().unwrap_or(&settings.store);
        let needed = [
            self.store.is_none().then_some("store"),
            (*store == StoreLocation::StateDir).then_some("server"),
        ];
        let unknown = |section: &str| !settings.knows(section);
        if loaded.empty || needed.into_iter().flatten().any(unknown) {
            return Err(Failure::Invalid(Box::new(loaded)));
        }
        let location = compose::location(store, &settings)?;
        if let (None, Location::File(path)) = (&loaded.config, &location) {
            let path = path.display();
            screen.advise(
                &format!("the configuration is invalid; by what could be read of it the store is `{path}`"),
                "`tolkien validate` says what is wrong, and `--store` names another store",
            );
        }
        Ok(location)
    }
}

/// What a check found.
fn told(check: Check, screen: &Screen) -> Result {
    let records = check.records();
    for (writer, number, hash) in check.heads() {
        screen.line(&format!("{writer} {number} {hash}"))?;
    }
    let problems = check.problems();
    if problems.is_empty() {
        screen.note(&match records {
            0 => "the trail is whole: it has no records".to_owned(),
            _ => format!("the trail is whole: {records} records; its heads stand above"),
        });
        return Ok(Exit::Done);
    }
    for problem in &problems {
        screen.warn(problem);
    }
    Err(Failure::new(
        Exit::Negative,
        format!("the trail of {records} records is not whole"),
    ))
}

/// A record for a person.
fn shown(content: &Content) -> String {
    let record = &content.record;
    let what = match &record.what {
        What::Decision {
            command_line,
            verdict,
            rule,
            ..
        } => format!(
            "{} by {rule}: {}",
            verdict.as_str(),
            render::on_one_line(command_line.as_deref().unwrap_or("no command line"))
        ),
        What::Approval {
            approval,
            answer,
            by,
        } => {
            let by = by.as_ref().map(|by| format!(" by {by}"));
            let approval = approval.as_ref().map(|approval| format!(": {approval}"));
            let word = answer.as_str();
            format!(
                "{word}{}{}",
                by.unwrap_or_default(),
                approval.unwrap_or_default()
            )
        }
        What::Outcome {
            outcome,
            exit_code,
            duration_ms,
            bytes,
            sandbox,
        } => {
            let word = serde_json::to_value(outcome).unwrap_or_default();
            let mut text = word.as_str().unwrap_or_default().to_owned();
            let numbers = [
                exit_code.map(|code| format!(" with exit code {code}")),
                duration_ms.map(|ms| format!(" after {ms} ms")),
                bytes.map(|bytes| format!(", {bytes} bytes")),
                sandbox.as_ref().map(|level| format!(", sandbox {level}")),
            ];
            text.extend(numbers.into_iter().flatten());
            text
        }
    };
    format!(
        "{} {} {} {} {} {}",
        content.at,
        record.caller,
        record.channel.as_str(),
        record.call,
        record.tool,
        what
    )
}
