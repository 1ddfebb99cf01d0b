//! `tolkien init`: a small configuration that works anywhere, to grow from.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::Exit;
use super::failure::{Failure, Result};
use super::render::Screen;
use super::schema::FileFormat;

/// The files of a fresh configuration.
const FILES: [(&str, &str); 4] = [
    ("tolkien.yaml", include_str!("init/tolkien.yaml")),
    ("tools.d/disk.yaml", include_str!("init/disk.yaml")),
    (
        "policies/read-only.yaml",
        include_str!("init/read-only.yaml"),
    ),
    ("prompts/system.md", include_str!("init/system.md")),
];

/// Where editors find the file formats; the files above name these places.
const SCHEMAS: [(&str, FileFormat); 3] = [
    (".schema/tool.json", FileFormat::Tool),
    (".schema/policy.json", FileFormat::Policy),
    (".schema/settings.json", FileFormat::Settings),
];

/// Write a small configuration that works anywhere
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tolkien init\n  tolkien init ./config && tolkien validate ./config",
    long_about = "Writes one tool, one policy, the system prompt and the settings, ready to validate, \
                  with the schemas that make an editor complete and check the files. A file that is \
                  there already is never overwritten: then nothing is written at all."
)]
pub(crate) struct Init {
    /// The folder (default: the current one)
    dir: Option<PathBuf>,
}

impl Init {
    /// Writes.
    pub(crate) fn run(&self, screen: &Screen) -> Result {
        let dir = self.dir.as_deref().unwrap_or(Path::new("."));
        let schemas = SCHEMAS.map(|(file, format)| (file, format.schema()));
        let files: Vec<(&str, &str)> = FILES.into_iter().chain(schemas).collect();
        for (file, _) in &files {
            if dir.join(file).symlink_metadata().is_ok() {
                return Err(already_there(dir, file));
            }
        }
        for (file, text) in files {
            write_new(dir, file, text)?;
            screen.line(&dir.join(file).display().to_string())?;
        }
        let folder = self.dir.as_ref().map(|dir| format!(" {}", dir.display()));
        screen.help(&format!(
            "check it with `tolkien validate{}`, then try one call: `tolkien check{} disk -- -h /`",
            folder.clone().unwrap_or_default(),
            folder
                .map(|dir| format!(" --config{dir}"))
                .unwrap_or_default(),
        ));
        Ok(Exit::Done)
    }
}

fn already_there(dir: &Path, file: &str) -> Failure {
    Failure::usage(format!("`{}` is there already", dir.join(file).display()))
        .help("name a folder that has no configuration yet")
}

fn write_new(dir: &Path, file: &str, text: &str) -> Result<()> {
    let path = dir.join(file);
    let shown = path.display();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut opened = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(already_there(dir, file));
        }
        opened => opened.with_context(|| format!("cannot write `{shown}`"))?,
    };
    opened
        .write_all(text.as_bytes())
        .with_context(|| format!("cannot write `{shown}`"))?;
    Ok(())
}
