//! Whole configurations: what the compiled language, the proofs and the comparisons say of a tool,
//! against what [`crate::policy`] decides of every short call.

use std::cell::LazyCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::loaded::load;
use super::roots::{ARGUMENTS, Drawn};
use super::seen::{Decided, Seen, decided};
use super::{Random, draw_together, is_whole_run};
use crate::analysis::compare::languages;
use crate::analysis::invariant::{Outcome, prove_tool};
use crate::analysis::language::Depth;
use crate::analysis::witness::{self, spelt};
use crate::config::Config;
use crate::config::tool::Tool;
use crate::policy::Decision;

/// So many tools are loaded together, since loading takes longer than deciding.
const TOGETHER: u64 = 20;

/// A configuration that is loaded when it is asked for.
type Lazy = LazyCell<Arc<Config>, Box<dyn FnOnce() -> Arc<Config>>>;

/// A tool with what it is compared to.
struct Case<'a> {
    config: &'a Config,
    tool: &'a Arc<Tool>,
    /// Where its tools have a small change.
    changed: &'a Lazy,
    /// Where everything is open that its tools' schemas and templates let through.
    open: &'a Lazy,
    before: &'a Drawn,
    after: &'a Drawn,
    inputs: Vec<Value>,
}

impl Case<'_> {
    fn decided(&self, input: &Value) -> Decided {
        decided(self.config, self.tool, input)
    }

    /// After the change; absent where the loader refuses it.
    fn changed(&self) -> Option<(&Config, &Tool)> {
        let tool = self.changed.tool(self.tool.name.as_str())?;
        Some((self.changed, tool))
    }

    /// The lines of a call, whatever the rules say of it.
    fn lines(&self, input: &Value) -> Vec<Vec<String>> {
        match self.open.tool(self.tool.name.as_str()) {
            Some(tool) => decided(self.open, tool, input).lines,
            None => Vec::new(),
        }
    }

    /// Lines of calls, and lines that are nearly like them.
    fn near_lines(&self, random: &mut Random) -> Vec<Vec<String>> {
        let mut lines: Vec<Vec<String>> = Vec::new();
        for input in &self.inputs {
            lines.extend(self.lines(input));
        }
        for at in 0..lines.len() {
            let mut line = lines[at].clone();
            let word = (*random.pick::<&str>(&ARGUMENTS)).to_owned();
            let place = random.below(line.len() + 1);
            match random.below(3) {
                0 if place < line.len() => {
                    line.remove(place);
                }
                1 if place < line.len() => line[place] = word,
                _ => line.insert(place, word),
            }
            lines.push(line);
        }
        lines.sort();
        lines.dedup();
        lines
    }

    fn seen(&self) -> Option<Seen> {
        Seen::new(self.config, self.tool, Depth::Counted)
    }

    /// Whether everything is compiled exactly, before the change and after it.
    fn is_exact(&self) -> bool {
        let changed = self.changed();
        let changed = changed.and_then(|(config, tool)| Seen::new(config, tool, Depth::Counted));
        [self.seen(), changed]
            .iter()
            .all(|seen| seen.as_ref().is_some_and(|seen| seen.exact))
    }
}

/// Says of which tool a test ended.
struct ToldOf<'a>(&'a Case<'a>);

impl Drop for ToldOf<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Case {
                tool,
                before,
                after,
                ..
            } = self.0;
            eprintln!(
                "{}: {before:#?}\nchanged to {}",
                tool.name,
                after.difference(before)
            );
        }
    }
}

/// Draws tools, each with a small change, and hands over those that load.
fn each_tool(few: u64, check: impl FnMut(&mut Random, &Case<'_>)) {
    each_changed(few, Drawn::random, Drawn::changed, check);
}

/// The same, where these functions draw the tools and the changes.
fn each_changed(
    few: u64,
    draw: fn(&mut Random, &str) -> Drawn,
    change: fn(&Drawn, &mut Random, &str) -> Drawn,
    mut check: impl FnMut(&mut Random, &Case<'_>),
) {
    draw_together(few, TOGETHER, |rng| {
        let name = |number: usize| format!("t{number}");
        let numbers = 0..usize::try_from(TOGETHER).unwrap();
        let before: Vec<Drawn> = numbers.map(|at| draw(rng, &name(at))).collect();
        let numbered = before.iter().enumerate();
        let after: Vec<Drawn> = numbered
            .map(|(at, drawn)| change(drawn, rng, &name(at)))
            .collect();
        let config = load(&before);
        let opened: Vec<Drawn> = before.iter().map(Drawn::opened).collect();
        let later = after.clone();
        let changed: Lazy = LazyCell::new(Box::new(move || load(&later)));
        let open: Lazy = LazyCell::new(Box::new(move || load(&opened)));
        for (at, (before, after)) in before.iter().zip(&after).enumerate() {
            let Some(tool) = config.tool(&name(at)) else {
                continue;
            };
            let case = Case {
                config: &config,
                tool,
                changed: &changed,
                open: &open,
                before,
                after,
                inputs: before.inputs(rng, 120),
            };
            let told = ToldOf(&case);
            check(rng, &case);
            drop(told);
        }
    });
}

#[test]
fn the_compiled_language_is_what_is_let_through() {
    let (mut tools, mut exact, mut passing) = (0, 0, 0);
    each_tool(100, |rng, case| {
        tools += 1;
        let Some(mut seen) = case.seen() else {
            return;
        };
        exact += usize::from(seen.exact);
        for input in &case.inputs {
            let call = case.decided(input);
            for (number, line) in call.lines.iter().enumerate() {
                passing += 1;
                let path = seen.path(line);
                let path = path.unwrap_or_else(|| panic!("{line:?} has a word of no kind"));
                let answer = seen.decision(number, &path);
                let same = match call.lines.len() {
                    1 => answer == Some(call.decision),
                    // Of several lines the strictest counts.
                    _ => answer.is_some_and(|answer| answer <= call.decision),
                };
                assert!(
                    same,
                    "{line:?} from {input}: {:?}, not {answer:?}",
                    call.decision
                );
            }
        }
        if !seen.exact {
            return;
        }
        for line in case.near_lines(rng) {
            let Some(path) = seen.path(&line) else {
                continue;
            };
            let answer = seen.decision(0, &path);
            if !matches!(answer, Some(Decision::Allow | Decision::Ask)) {
                continue;
            }
            let read = witness::input(case.tool, &mut seen.lines[0], &spelt(&seen.words, &path));
            let input = read.unwrap_or_else(|| panic!("{line:?} is of no input"));
            let call = case.decided(&input);
            assert_eq!(Some(call.decision), answer, "{line:?} read as {input}");
            let again = call.lines.iter().map(|line| seen.path(line));
            assert_eq!(
                again.collect::<Vec<_>>(),
                [Some(path)],
                "{line:?} read as {input}"
            );
        }
    });
    if is_whole_run() {
        assert!(exact * 10 > tools * 7, "{exact} of {tools} are exact");
        assert!(passing > tools, "{passing} lines of {tools} tools pass");
    }
}

#[test]
fn what_is_proved_happens_never_and_what_is_violated_happens() {
    let mut outcomes: HashMap<&str, usize> = HashMap::new();
    each_tool(80, |_, case| {
        let Some(seen) = case.seen() else {
            return;
        };
        let calls: Vec<Decided> = case
            .inputs
            .iter()
            .map(|input| case.decided(input))
            .collect();
        for proof in prove_tool(case.config, case.tool) {
            let rule = &proof.rule;
            let lines = calls.iter().flat_map(|call| &call.lines);
            let forbidden: Vec<_> = lines.filter(|line| rule.pattern.matches(line)).collect();
            let told = format!("`{}`: {:?}", rule.pattern, proof.outcome);
            let name = match &proof.outcome {
                Outcome::Proved => {
                    assert_eq!(forbidden, [&[""; 0]; 0], "{told}");
                    "proved"
                }
                Outcome::Idle => {
                    assert_eq!(forbidden, [&[""; 0]; 0], "{told}");
                    for input in &case.inputs {
                        for line in case.lines(input) {
                            assert!(!rule.pattern.matches(&line), "{told} but {line:?}");
                        }
                    }
                    "idle"
                }
                Outcome::Violated { input, .. } => {
                    let call = case.decided(input);
                    let witness = call.lines.iter().find(|line| rule.pattern.matches(line));
                    let witness = witness.unwrap_or_else(|| panic!("{told} does not happen"));
                    if seen.exact {
                        let cost = seen
                            .path(witness)
                            .map(|path| seen.cost(&path) + words(&path));
                        for line in &forbidden {
                            let other = seen.path(line).map(|path| seen.cost(&path) + words(&path));
                            assert!(cost <= other, "{told} costs {cost:?}, {line:?} {other:?}");
                        }
                    }
                    "violated"
                }
                Outcome::Undecided(why) => {
                    assert!(!seen.exact, "{told}: {why}");
                    "undecided"
                }
            };
            *outcomes.entry(name).or_default() += 1;
        }
    });
    for name in ["proved", "idle", "violated"]
        .into_iter()
        .filter(|_| is_whole_run())
    {
        assert!(outcomes.contains_key(name), "none is {name}: {outcomes:?}");
    }
}

/// What the words of a line cost beside what they cost to read.
fn words(path: &[usize]) -> u32 {
    12 * u32::try_from(path.len()).unwrap()
}

#[test]
fn a_comparison_says_what_deciding_every_call_on_both_sides_says() {
    let mut answers: HashMap<&str, usize> = HashMap::new();
    each_tool(60, |_, case| {
        if let Some(name) = compared(case) {
            *answers.entry(name).or_default() += 1;
        }
    });
    for name in ["equal", "permitted", "denied"]
        .into_iter()
        .filter(|_| is_whole_run())
    {
        assert!(answers.contains_key(name), "none is {name}: {answers:?}");
    }
}

#[test]
fn an_edit_of_what_ties_parameters_together_is_compared_as_it_is_decided() {
    let mut answers: HashMap<&str, usize> = HashMap::new();
    each_changed(80, Drawn::tied, Drawn::edited, |_, case| {
        if let Some(name) = compared(case) {
            *answers.entry(name).or_default() += 1;
        }
    });
    for name in ["equal", "permitted", "denied", "undecided"]
        .into_iter()
        .filter(|_| is_whole_run())
    {
        assert!(answers.contains_key(name), "none is {name}: {answers:?}");
    }
}

/// Holds what is said of a change against what deciding calls says, and names it.
fn compared(case: &Case<'_>) -> Option<&'static str> {
    let changed = case.changed()?;
    let found = languages(Some((case.config, case.tool)), Some(changed));
    let witnesses = found.permitted.iter().chain(&found.denied);
    for witness in witnesses {
        let Some(input) = &witness.input else {
            continue;
        };
        let before = case.decided(input).decision;
        let after = decided(changed.0, changed.1, input).decision;
        assert_eq!(
            (before, after),
            (witness.before, witness.after),
            "{witness:?}"
        );
        let milder = found.permitted.contains(witness);
        assert_eq!(milder, after < before, "{witness:?}");
    }
    if case.before.renders_like(case.after) {
        for input in &case.inputs {
            let before = case.decided(input);
            let after = decided(changed.0, changed.1, input);
            let told = format!("{input}: {before:?} to {after:?} and {found:#?}");
            let open = found.undecided.is_some();
            // Beside a widening that is shown, a part that cannot be judged may hide a narrowing.
            let hidden = || !found.permitted.is_empty() && !case.is_exact();
            // Another input may start the same lines.
            match after.decision.cmp(&before.decision) {
                Ordering::Less if open || !found.permitted.is_empty() => {}
                Ordering::Less => {
                    let known = after.starts_nothing_new(input, (case.config, case.tool));
                    assert!(known, "{told}");
                }
                Ordering::Greater if open || !found.denied.is_empty() || hidden() => {}
                Ordering::Greater => {
                    assert!(before.starts_nothing_new(input, changed), "{told}");
                }
                Ordering::Equal => {}
            }
        }
    }
    let name = match (found.equal, found.permitted.is_empty(), &found.undecided) {
        (true, ..) => "equal",
        (false, false, _) => "permitted",
        (false, true, None) => "denied",
        (false, true, Some(_)) => "undecided",
    };
    Some(name)
}
