//! `tolkien eval`: play scenarios, and say what did not come as it must.

mod judge;

mod play;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::failure::{Failure, Result};
use super::render::{Screen, counted};
use super::{Exit, compose, root};
use crate::config::scenario::{Scenario, Scenarios};
use crate::config::{Config, Overrides};
use crate::model::{Model, Script};
use judge::{account, judge};
use play::{Played, play};
use serde_json::json;

/// Where scenarios lie when none is named.
const FOLDER: &str = "scenarios";

/// Play recorded questions, and check what the agent did
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien eval\n  tolkien eval tests/scenarios/crash-loop.yaml\n  tolkien eval --model claude tests/scenarios",
    long_about = "Plays questions of operators over a recorded world, and checks for each which calls \
                  were made, how they were decided, what the model saw of their outputs, and that \
                  nothing ran that must not. Every call is decided by this configuration; tools with \
                  recordings answer with those, all others run.\n\nWith the scripted model the answer \
                  is the script's own, so only Claude's is checked.\n\nExit codes: 0 everything came \
                  as it must, 1 something did not, 2 wrong usage, or an invalid configuration or \
                  scenario."
)]
pub(crate) struct Eval {
    /// Scenario files, or folders of them (default: `scenarios/` of the configuration)
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Who answers
    #[arg(long, value_enum, default_value_t = Player::Script)]
    model: Player,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Layout::Human)]
    format: Layout,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Player {
    /// The replies in the scenario
    Script,
    /// The model of the settings, with the key in `ANTHROPIC_API_KEY`
    Claude,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layout {
    Human,
    Json,
}

/// A scenario that was played.
#[derive(Debug, Serialize)]
struct Row {
    scenario: String,
    ok: bool,
    /// What was not as it must.
    failures: Vec<String>,
    calls: Vec<play::PlayedCall>,
    answer: Option<String>,
    /// What was called and what was expected, for people.
    #[serde(skip)]
    account: Vec<String>,
}

impl Eval {
    /// Plays them, one after the other.
    pub(crate) async fn run(&self, config: Option<&Path>, screen: &Screen) -> Result {
        let folder = root::choose(config);
        let config = root::enforced(&folder, self.overrides())?;
        let list = self.scenarios(&folder, &config)?;
        let claude = match self.model {
            Player::Script => None,
            Player::Claude => Some(claude(&config)?),
        };
        let mut rows = Vec::new();
        for scenario in list {
            let model = match &claude {
                Some(model) => model.clone(),
                None => script(&scenario)?,
            };
            let played = play(&scenario, &config, model).await?;
            let row = row(&scenario, played, claude.is_some());
            if self.format == Layout::Human {
                screen.data(&told(&row))?;
            }
            rows.push(row);
        }
        let failed = rows.iter().filter(|row| !row.ok).count();
        if self.format == Layout::Json {
            let document = json!({"scenarios": rows, "ok": failed == 0});
            let text =
                serde_json::to_string_pretty(&document).context("cannot write the result")?;
            screen.line(&text)?;
        }
        screen.note(&summary(rows.len(), failed, claude.is_some()));
        Ok(if failed == 0 {
            Exit::Done
        } else {
            Exit::Negative
        })
    }

    /// A script needs nothing of this machine's environment, so that CI says what a laptop says.
    fn overrides(&self) -> Overrides {
        match self.model {
            Player::Script => Overrides::None,
            Player::Claude => Overrides::Environment,
        }
    }

    fn scenarios(&self, folder: &Path, config: &Config) -> Result<Vec<Scenario>> {
        let own = folder.join(FOLDER);
        let paths = if self.scenarios.is_empty() {
            std::slice::from_ref(&own)
        } else {
            &self.scenarios
        };
        let help = "name scenario files or folders: `tolkien eval tests/scenarios`";
        let scenarios =
            Scenarios::load(paths, config).map_err(|error| Failure::usage(error).help(help))?;
        if !scenarios.are_valid() {
            return Err(Failure::Scenarios(scenarios));
        }
        if scenarios.list.is_empty() {
            return Err(Failure::usage("there is no scenario to play").help(help));
        }
        Ok(scenarios.list)
    }
}

fn claude(config: &Config) -> Result<Model> {
    let model = compose::model(config)?;
    if matches!(model, Model::Script(_)) {
        return Err(Failure::usage(
            "the settings name the scripted model, so Claude cannot be asked",
        )
        .help("remove `provider: script` from the model's settings"));
    }
    if compose::lacks_key(config.settings()) {
        return Err(Failure::environment("there is no key for the model's API")
            .help(compose::HOW_TO_SET_THE_KEY));
    }
    Ok(model)
}

fn script(scenario: &Scenario) -> Result<Model> {
    let script = Script::parse(json!([{"replies": scenario.script}]));
    let script = script.map_err(|error| {
        Failure::usage(format!("scenario `{}`: {error}", scenario.name))
            .help("a reply is `{text, calls: [{tool, input}]}`")
    })?;
    Ok(Model::Script(script))
}

fn row(scenario: &Scenario, played: Played, is_claude: bool) -> Row {
    let failures = judge(scenario, &played, is_claude);
    let account = account(scenario, &played.calls, is_claude);
    Row {
        account,
        scenario: scenario.name.clone(),
        ok: failures.is_empty(),
        failures,
        calls: played.calls,
        answer: played.answer,
    }
}

fn told(row: &Row) -> String {
    let word = if row.ok { "ok" } else { "FAILED" };
    let calls = counted(row.calls.len(), "call", "calls");
    let mut text = format!("{word:<7} {} ({calls})\n", row.scenario);
    if row.ok {
        return text;
    }
    for line in row.failures.iter().chain(&row.account) {
        let _ = writeln!(text, "        {line}");
    }
    text
}

fn summary(all: usize, failed: usize, is_claude: bool) -> String {
    let scenarios = counted(all, "scenario", "scenarios");
    let passed = all.saturating_sub(failed);
    let whose = if is_claude {
        ""
    } else {
        "; the answers are the scripts' own and were not checked"
    };
    format!("{scenarios}: {passed} ok, {failed} failed{whose}")
}
