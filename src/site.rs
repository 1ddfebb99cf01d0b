//! A static site of what an agent may do, for people who would rather look than read.
//!
//! Everything that is shown is asked of whoever decides it: verdicts of [`policy`](crate::policy),
//! proofs of [`analysis`](crate::analysis), prompts as a session renders them. Here they are only laid
//! out: [`pages`] is a plain function from a configuration to texts, the same bytes every time, and
//! [`folder`] puts them somewhere. Every text of the configuration is somebody's, and is escaped.

pub(crate) mod folder;

mod listing;

mod overview;

mod policy;

mod prompt;

mod rule;

mod sandbox;

mod settings;

mod text;

mod tool;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::analysis::invariant::Proof;
use crate::call::Caller;
use crate::config::{Checked, Config};
use crate::diagnostic::Source;

/// One file of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Its name in the site's only folder.
    pub(crate) file: String,
    /// What it says.
    pub(crate) text: String,
}

/// What a site is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a> {
    /// The configuration.
    pub(crate) config: &'a Config,
    /// How much was looked at to find it valid.
    pub(crate) checked: Checked,
    /// The texts of its files.
    pub(crate) sources: &'a [Source],
    /// What was proved of it.
    pub(crate) proofs: &'a [Proof],
    /// Whom the prompts are rendered for.
    pub(crate) caller: &'a Caller,
}

/// The style of every page.
const STYLE: &str = include_str!("site/pages/style.css");

/// The templates of the pages; the ending of their names is what makes them escape.
const TEMPLATES: [(&str, &str); 7] = [
    ("layout.html", include_str!("site/pages/layout.html")),
    ("parts.html", include_str!("site/pages/parts.html")),
    ("index.html", include_str!("site/pages/index.html")),
    ("tool.html", include_str!("site/pages/tool.html")),
    ("policy.html", include_str!("site/pages/policy.html")),
    ("prompt.html", include_str!("site/pages/prompt.html")),
    ("access.html", include_str!("site/pages/access.html")),
];

/// Every file of the site of a configuration.
pub(crate) fn pages(content: Content<'_>) -> Result<Vec<Page>, minijinja::Error> {
    let config = content.config;
    let press = Press {
        environment: environment()?,
        site: overview::site(config),
    };
    let mut pages = vec![Page {
        file: "style.css".to_owned(),
        text: STYLE.to_owned(),
    }];
    let mut add = |page: Result<Page, minijinja::Error>| page.map(|page| pages.push(page));
    let title = "What the agent may do";
    add(press.page(INDEX, "index.html", title, &overview::view(content)))?;
    let title = "Who may use it";
    add(press.page(ACCESS, "access.html", title, &settings::view(config)))?;
    for tool in config.tools().values() {
        let (name, view) = (tool.name.as_str(), tool::view(content, tool));
        add(press.page(&tool_file(name), "tool.html", name, &view))?;
    }
    for policy in config.policies().values() {
        let (name, view) = (policy.name.as_str(), policy::view(content, policy));
        add(press.page(&policy_file(name), "policy.html", name, &view))?;
    }
    for name in config.prompts().names() {
        let view = prompt::view(content, name);
        add(press.page(&prompt_file(name), "prompt.html", name, &view))?;
    }
    Ok(pages)
}

/// What turns views into pages.
struct Press {
    environment: Environment<'static>,
    site: overview::Site,
}

/// What a template sees.
#[derive(Serialize)]
struct View<'a, T> {
    site: &'a overview::Site,
    file: &'a str,
    title: &'a str,
    page: &'a T,
}

impl Press {
    fn page<T: Serialize>(
        &self,
        file: &str,
        template: &str,
        title: &str,
        page: &T,
    ) -> Result<Page, minijinja::Error> {
        let view = View {
            site: &self.site,
            file,
            title,
            page,
        };
        let text = self.environment.get_template(template)?;
        Ok(Page {
            file: file.to_owned(),
            text: text.render(Serde(&view))?,
        })
    }
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("prose", text::prose);
    environment.add_filter("inline", text::inline);
    environment.add_filter("usage", text::usage);
    environment.add_filter("words", text::words);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

/// The first page.
const INDEX: &str = "index.html";

/// The page on roles, callers and settings.
const ACCESS: &str = "access.html";

fn tool_file(name: &str) -> String {
    format!("tool-{name}.html")
}

fn policy_file(name: &str) -> String {
    format!("policy-{name}.html")
}

/// The names of prompts are free: what a link would have to escape stands as the number of its byte.
fn prompt_file(name: &str) -> String {
    let stem = name.strip_suffix(".md").unwrap_or(name);
    let stem: String = stem
        .bytes()
        .map(|byte| match byte {
            b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            other => format!(".{other:02x}"),
        })
        .collect();
    format!("prompt-{stem}.html")
}
