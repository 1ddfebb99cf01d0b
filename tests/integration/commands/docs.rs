//! The site that `docs` writes: what it says of a small configuration, and that nothing in it is more
//! than text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use dom_query::Document;

use super::program::{Folder, Ran};

/// A tool with a rule of each kind; its texts try to be more than text.
const TOOL: &str = r#"description: |
  Says <script>alert('tool')</script> & `<b>more</b>`.

  Examples:
    ["<i>"]
effect: write
input:
  type: object
  required: [args]
  properties:
    args: {type: array, items: {type: string}, description: "Words, \"</code><script>1</script>\"."}
run:
  command: [echo, "{{ args }}"]
  env: {HOME: "<script>"}
let:
  greeting: '[a-z<>&]+'
arguments:
  args:
    allow:
      - say <greeting>
      - shout <greeting>
    deny:
      - {match: 'say "[>][<]script[>]', because: "it \"><script>alert(1)</script>"}
tests:
  - ask: say hello
  - deny: whisper hello
  - deny: {args: [say, '"><script>']}
"#;

const POLICY: &str = r"description: No <script> here.
applies_to: {tools: [say]}
deny: [{id: no-shout, match: 'echo shout **', because: it is late}]
ask: [{id: hello, match: 'echo ** hello', because: somebody may sleep, approvers: [operator]}]
redact: [{match: 'pass<word>', replace: '<gone>'}]
never: [{id: never-shout, match: 'echo shout **', because: it is late}]
tests:
  - {tool: say, deny: shout hello, rule: quiet.no-shout}
";

const SETTINGS: &str = r"environment: {PLACE: somewhere}
secrets: {DOOR: {file: /run/secrets/mellon}}
roles:
  operator: {tools: [say], approve: true}
  viewer: {tools: [disk], effects: [read]}
callers:
  - {name: frodo, role: viewer, token_sha256: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa], telegram: {user_ids: [8675309]}}
";

/// The configuration of `init`, a tool and a policy beside it.
fn small() -> Folder {
    let folder = Folder::with_configuration();
    folder.write("tools.d/say.yaml", TOOL);
    folder.write("policies/quiet.yaml", POLICY);
    folder.write("tolkien.yaml", SETTINGS);
    folder.write(
        "prompts/system.md",
        "You are <script>alert('prompt')</script>.\n\n{% for tool in tools %}- {{ tool.name }}\n{% endfor %}",
    );
    folder
}

fn docs(folder: &Folder) -> Ran {
    folder.run(&["docs", "-o", &folder.path("site").display().to_string()])
}

fn written(folder: &Folder) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder.path("site")).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// What a reader sees of a page, a line for a line; a link is told by where it leads.
fn shown(page: &str) -> String {
    let document = Document::from(page);
    for link in &document.select("main a[href]") {
        let href = link.attr("href").unwrap();
        link.append_html(format!(" → {}", href.replace('<', "&lt;")));
    }
    let text = document.select("main").text().to_string();
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ")
    });
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn there_is_a_page_for_each_tool_policy_and_prompt() {
    let folder = small();
    let ran = docs(&folder);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let site = written(&folder);
    let names: Vec<&str> = site.keys().map(String::as_str).collect();
    insta::assert_snapshot!(names.join("\n"), @"
    .tolkien-site
    access.html
    index.html
    policy-quiet.html
    policy-read-only.html
    prompt-system.html
    style.css
    tool-disk.html
    tool-say.html
    ");
}

/// What a reader sees of one page of the small site.
fn page(name: &str) -> String {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    shown(&folder.read(&format!("site/{name}")))
}

#[test]
fn the_first_page_says_what_a_small_agent_may_do() {
    insta::assert_snapshot!(page("index.html"), @"
    What the agent may do
    What is not listed here it cannot do. Rules decide every single call: the strictest answer wins, and a denial has no exception.
    2 tools → #tools
    2 policies → #policies
    1 invariant → #never
    11 cases → #tools
    1 prompt → #prompts
    What it looks at 1
    disk → tool-disk.html runs at once
    Free and used space of the file systems of this machine (df).
    4 cases · 0 invariants · read-only → policy-read-only.html
    What it changes 1
    say → tool-say.html asks first
    Says <script>alert('tool')</script> & <b>more</b>.
    3 cases · 1 invariant · quiet → policy-quiet.html, read-only → policy-read-only.html
    Beside these there is read_output, which pages through what earlier calls of the same session gave.
    What it never does
    Each of these was proved for every command line that the rules let through, not tried on examples.
    quiet → policy-quiet.html
    never-shout → policy-quiet.html#quiet.never-shout it is late
    say proved
    Policies 2
    quiet → policy-quiet.html
    No <script> here.
    1 form denied · 1 form asked about · 1 form never let through · 1 form redacted
    read-only → policy-read-only.html
    Nothing here looks at the kernel's own file systems.
    1 form denied
    Prompts 1
    What the model is told. No prompt permits anything: rules do.
    system.md → prompt-system.html 96 characters
    ");
}

#[test]
fn the_page_of_a_tool_says_what_stands_before_it() {
    insta::assert_snapshot!(page("tool-say.html"), @r#"
    Tool
    say
    effect: write asks first line 6 → #L6
    Says <script>alert('tool')</script> & <b>more</b>.
    Examples:
    ["<i>"]
    Parameters
    args array
    Words, "</code><script>1</script>".
    items: {"type":"string"} · at most 4096 characters
    Allowed 2
    The whole list must have one of these forms.
    allow[0] → #L20
    say <greeting> → #name-greeting
    allow[1] → #L21
    shout <greeting> → #name-greeting
    Denied 1
    Even where a form above allows it.
    deny[0] → #L23
    it "><script>alert(1)</script>
    say "[>][<]script[>]
    Names in the patterns
    <greeting>
    [a-z<>&]+
    Never 1
    Proved for every command line that the rules let through: 3 states were looked at, and no examples.
    proved never-shout → policy-quiet.html#quiet.never-shout it is late
    What it starts
    Each box is one word that the program gets; there is no shell. Marked is what comes from the call.
    echo {{ args }} each item a word
    Environment, folder and sandbox
    environment
    HOME=<script>
    standard input
    closed
    folder
    a fresh private empty one
    exit codes
    0
    reads
    whatever its user may
    writes
    whatever its user may
    starts
    whatever its user may
    connects to ports
    whatever its user may
    enforced
    as far as the kernel can
    Limits
    deadline
    1m
    output
    12000 characters; of more the model sees the beginning and the end
    Who may use it
    operator → access.html#role-operator
    Policies that select it 2
    quiet → policy-quiet.html
    No <script> here.
    1 form denied · 1 form asked about · 1 form never let through · 1 form redacted
    read-only → policy-read-only.html
    Nothing here looks at the kernel's own file systems.
    1 form denied
    Cases 3
    Calls that are written beside the rules, each with what it gets and the rule that decides it.
    ask say hello quiet.hello → policy-quiet.html#quiet.hello
    deny whisper hello say.args.allow → tool-say.html#say.args.allow
    deny {"args":["say","\"><script>"]} say.args.deny[0] → tool-say.html#say.args.deny-0
    The file
    tools.d/say.yaml, as it was written.
    description: |
    Says <script>alert('tool')</script> & `<b>more</b>`.
    Examples:
    ["<i>"]
    effect: write
    input:
    type: object
    required: [args]
    properties:
    args: {type: array, items: {type: string}, description: "Words, \"</code><script>1</script>\"."}
    run:
    command: [echo, "{{ args }}"]
    env: {HOME: "<script>"}
    let:
    greeting: '[a-z<>&]+'
    arguments:
    args:
    allow:
    - say <greeting>
    - shout <greeting>
    deny:
    - {match: 'say "[>][<]script[>]', because: "it \"><script>alert(1)</script>"}
    tests:
    - ask: say hello
    - deny: whisper hello
    - deny: {args: [say, '"><script>']}
    "#);
}

#[test]
fn the_page_of_a_policy_says_what_it_says() {
    insta::assert_snapshot!(page("policy-quiet.html"), @"
    Policy
    quiet
    No <script> here.
    say → tool-say.html
    Denied 1
    no-shout → #L3
    it is late
    echo shout **
    Asked about 1
    hello → #L4
    somebody may sleep
    echo ** hello
    approved by operator only
    Never 1
    Of every command line that the rules of its tools let through, whoever asks.
    never-shout → #L6
    it is late
    echo shout **
    proved for say → tool-say.html#never
    Replaced in outputs 1
    Before the model, the store or anybody else sees them.
    pass<word>
    becomes <gone> line 5 → #L5
    Cases 1
    Calls that are written beside the rules, each with what it gets and the rule that decides it.
    deny say shout hello quiet.no-shout → policy-quiet.html#quiet.no-shout
    The file
    policies/quiet.yaml, as it was written.
    description: No <script> here.
    applies_to: {tools: [say]}
    deny: [{id: no-shout, match: 'echo shout **', because: it is late}]
    ask: [{id: hello, match: 'echo ** hello', because: somebody may sleep, approvers: [operator]}]
    redact: [{match: 'pass<word>', replace: '<gone>'}]
    never: [{id: never-shout, match: 'echo shout **', because: it is late}]
    tests:
    - {tool: say, deny: shout hello, rule: quiet.no-shout}
    ");
}

#[test]
fn the_page_of_the_system_prompt_shows_it_as_the_model_gets_it() {
    insta::assert_snapshot!(page("prompt-system.html"), @"
    Prompt
    system.md
    The model is told this first, 49 characters, here for the role operator where every tool is ready.
    As the model gets it
    You are <script>alert('prompt')</script>.
    - say
    The template
    You are <script>alert('prompt')</script>.
    {% for tool in tools %}- {{ tool.name }}
    {% endfor %}
    ");
}

#[test]
fn the_page_on_access_says_who_may_use_what() {
    insta::assert_snapshot!(page("access.html"), @"
    Who may use it
    A role that is not listed may nothing. Tokens and the values of secrets are in no file of the configuration, and not here.
    Roles 2
    operator approves
    say → tool-say.html
    viewer
    disk → tool-disk.html
    Callers 1
    frodo viewer → #role-viewer, by a token and Telegram
    Model
    name
    claude-opus-5-5
    address
    https://api.anthropic.com
    tokens of a reply
    16000
    Limits
    replies of the model in a turn
    40
    calls at the same time
    8
    turns that the model sees, beside the first
    20
    time for a call, where its tool says nothing
    1m
    time for an approval
    10m
    a session ends after idling for
    30m
    sessions of one caller
    100
    characters of a message
    100000
    Names of the environment 1
    What tools may read of the environment of the server; each tool names those that it gets.
    PLACE
    has a default
    Secrets 1
    By name. Their values are read at each call, and replaced wherever they turn up.
    DOOR
    from a file
    ");
}

const STEPS: &str = r#"description: Writes a note, and reads it again.
effect: write
input:
  type: object
  required: [text]
  properties:
    text: {type: string}
    mark: {type: string, default: "-"}
    more: {type: string}
run:
  workspace: true
  steps:
    - command: [tee, "{{ workspace }}/note", [--output-error, "{{ more }}"]]
      stdin: "{{ mark }} {{ text }}\n"
      timeout: 2s
      sandbox: {read: ["@system"], write: ["{{ workspace }}"], connect: [], require: full}
    - id: again
      command: [cat, "{{ workspace }}/note"]
      env: {KEY: "{{ secret.DOOR }}", HOME: "{{ env.PLACE }}"}
      cwd: "{{ workspace }}"
      ok: [0, 1]
      require: {each_line: '[a-z -]*', not_empty: true, because: a note is plain}
  result: "{{ steps.again.stdout }}"
arguments:
  text: {allow: ['[a-z ]+']}
  mark: {dash: true, allow: ['-|[+]']}
  more: {allow: [warn]}
tests:
  - ask: {text: hello}
  - deny: {text: HELLO}
"#;

const REQUEST: &str = r#"description: One page.
effect: read
input: {type: object, required: [page], properties: {page: {type: string}}}
run:
  http:
    method: GET
    url: "https://docs.example.org/{{ page }}"
    headers: {X-Key: "{{ secret.DOOR }}"}
    hosts: [docs.example.org, "*.docs.example.org"]
    accept: [text/html]
arguments:
  page: {allow: ['[a-z]+']}
tests:
  - allow: {page: home}
  - deny: {page: "a/b"}
"#;

#[test]
fn steps_and_requests_are_shown_as_they_are_run() {
    let folder = small();
    folder.write("tools.d/note.yaml", STEPS);
    folder.write("tools.d/page.yaml", REQUEST);
    let ran = docs(&folder);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let run = |name: &str| {
        let page = folder.read(&format!("site/{name}"));
        let run = Document::from(page.as_str()).select("#run").html();
        shown(&format!("<main>{run}</main>"))
    };
    insta::assert_snapshot!(run("tool-note.html"), @"
    What it starts
    2 programs, one after the other. Each box is one word that the program gets; there is no shell. Marked is what comes from the call.
    step 1
    tee {{ workspace }}/note --output-error {{ more }} words, dropped together
    Environment, folder and sandbox
    environment
    empty
    standard input
    {{ mark }} {{ text }}
    folder
    a fresh private empty one
    exit codes
    0
    deadline
    2s
    reads
    @system
    writes
    {{ workspace }}
    starts
    whatever its user may
    connects to ports
    nothing
    enforced
    in full, or the tool is disabled
    again
    cat {{ workspace }}/note
    Environment, folder and sandbox
    environment
    KEY={{ secret.DOOR }} HOME={{ env.PLACE }}
    standard input
    closed
    folder
    {{ workspace }}
    exit codes
    0, 1
    goes on only if
    it writes something
    each line that it writes is [a-z -]*
    a note is plain
    reads
    whatever its user may
    writes
    whatever its user may
    starts
    whatever its user may
    connects to ports
    whatever its user may
    enforced
    as far as the kernel can
    The model gets {{ steps.again.stdout }}.
    ");
    insta::assert_snapshot!(run("tool-page.html"), @"
    What it starts
    GET https://docs.example.org/{{ page }}
    hosts
    docs.example.org *.docs.example.org
    accepts
    text/html
    header
    X-Key: {{ secret.DOOR }}
    ");
}

#[test]
fn no_text_of_a_configuration_is_more_than_text() {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    for (name, page) in written(&folder) {
        let document = Document::from(page.as_str());
        let no = "script, i[class], img, iframe, [onclick], [onload], [style]";
        assert_eq!(document.select(no).length(), 0, "{name}");
        assert!(!page.contains("<script"), "{name}");
    }
}

#[test]
fn no_secret_digest_or_identity_is_on_any_page() {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    for (name, page) in written(&folder) {
        for hidden in ["aaaaaaaa", "8675309", "mellon", "somewhere"] {
            assert!(!page.contains(hidden), "{name} shows {hidden}");
        }
    }
}

#[test]
fn the_same_configuration_gives_the_same_bytes() {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    let first = written(&folder);
    assert_eq!(docs(&folder).code, 0);
    assert_eq!(written(&folder), first);
}

#[test]
fn every_link_leads_to_a_place_and_none_leaves_the_site() {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    let site = written(&folder);
    let places: BTreeMap<&str, BTreeSet<String>> = site
        .iter()
        .map(|(name, page)| {
            let document = Document::from(page.as_str());
            let ids = document.select("[id]");
            let ids = ids.iter().map(|it| it.attr("id").unwrap().to_string());
            (name.as_str(), ids.collect())
        })
        .collect();
    let mut seen = 0;
    for (name, page) in &site {
        let document = Document::from(page.as_str());
        for link in &document.select("[href], [src]") {
            let href = link.attr("href").unwrap().to_string();
            if href == "data:," {
                continue;
            }
            let (file, place) = href.split_once('#').unwrap_or((&href, ""));
            let file = if file.is_empty() { name } else { file };
            let known = places.get(file);
            assert!(known.is_some(), "{name}: {href}");
            let is_there = place.is_empty() || known.unwrap().contains(place);
            assert!(is_there, "{name}: {href}");
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn an_invalid_configuration_leaves_the_old_site() {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    let before = written(&folder);
    folder.write("tools.d/say.yaml", &TOOL.replace("effect:", "efect:"));
    let ran = docs(&folder);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err.contains("error[unknown-key]: `efect`"),
        "{}",
        ran.err
    );
    assert_eq!(written(&folder), before);
}

#[test]
fn a_site_that_cannot_be_written_leaves_the_old_one() {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    // Something is where the new one is made.
    folder.write("site/.tolkien-site.new", "");
    let before = written(&folder);
    folder.write("policies/quiet.yaml", &POLICY.replace("late", "early"));
    let ran = docs(&folder);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert_eq!(written(&folder), before);
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_left_as_it_is() {
    let folder = small();
    fs::create_dir(folder.path("site")).unwrap();
    folder.write("site/notes.txt", "mine");
    let ran = docs(&folder);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    let told = ran
        .err
        .replace(&folder.path("site").display().to_string(), "SITE");
    insta::assert_snapshot!(told, @"
    error: `SITE` holds `notes.txt`, which `tolkien docs` did not write
    help: name a folder that is empty, or one that holds a site from before
    ");
    assert_eq!(
        written(&folder),
        [("notes.txt".to_owned(), "mine".to_owned())].into()
    );
}

#[test]
fn what_others_add_to_a_site_stays_and_pages_of_what_is_gone_go() {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    folder.write("site/CNAME", "agent.example");
    fs::remove_file(folder.path("policies/quiet.yaml")).unwrap();
    let ran = docs(&folder);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let site = written(&folder);
    assert_eq!(site["CNAME"], "agent.example");
    assert!(!site.contains_key("policy-quiet.html"));
    // A page that is new does not go over what somebody added.
    folder.write("site/policy-quiet.html", "mine");
    folder.write("policies/quiet.yaml", POLICY);
    assert_eq!(docs(&folder).code, 2);
    assert_eq!(written(&folder)["policy-quiet.html"], "mine");
}

#[test]
fn a_marker_removes_nothing_outside_of_the_site() {
    let folder = small();
    assert_eq!(docs(&folder).code, 0);
    let marker = folder.read("site/.tolkien-site");
    folder.write(
        "site/.tolkien-site",
        &format!("{marker}../tolkien.yaml\n..\n"),
    );
    assert_eq!(docs(&folder).code, 0);
    assert_eq!(folder.read("tolkien.yaml"), SETTINGS);
    assert_eq!(folder.read("site/.tolkien-site"), marker);
}
