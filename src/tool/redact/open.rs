//! Where at the end of a text a match of an expression may have begun that is not complete yet.
//!
//! From each place the expression's automaton runs until it is dead; where it is alive at the end of
//! the text, more text could make a match of it. What is looked at is bounded, and where the bound
//! is met everything from there on counts as begun.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input};

use super::MARGIN;

/// Steps of the automaton for one expression: some milliseconds.
const STEPS: usize = 4_000_000;

/// Expressions that begin with so few bytes are looked for in the whole text, others at its end
/// only: what can begin anywhere is a token, and tokens are short.
const NARROW: usize = 8;

/// Bytes that an automaton and its cache may take.
const AUTOMATON_BYTES: usize = 16 << 20;

/// The first place from which the text could go on to be a match.
pub(super) fn start(expression: &str, text: &str) -> Option<usize> {
    let last = text.floor_char_boundary(text.len().saturating_sub(MARGIN));
    let Some(mut automaton) = Automaton::new(expression) else {
        return Some(last);
    };
    let firsts = automaton.firsts();
    let narrow = firsts.iter().filter(|first| **first).count() <= NARROW;
    let from = if narrow { 0 } else { last };
    let mut steps = STEPS;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        let begins = firsts.get(usize::from(byte)).is_none_or(|begins| *begins);
        if begins && text.is_char_boundary(at) && automaton.is_alive(text, at, &mut steps) {
            return Some(at);
        }
    }
    None
}

struct Automaton {
    dfa: DFA,
    cache: Cache,
}

impl Automaton {
    fn new(expression: &str) -> Option<Self> {
        let dfa = DFA::builder()
            .configure(
                DFA::config()
                    .unicode_word_boundary(true)
                    .cache_capacity(AUTOMATON_BYTES)
                    .skip_cache_capacity_check(true),
            )
            .thompson(thompson::Config::new().nfa_size_limit(Some(AUTOMATON_BYTES)))
            .build(expression)
            .ok()?;
        let cache = dfa.create_cache();
        Some(Self { dfa, cache })
    }

    /// The bytes that a match can begin with; all of them where that depends on what stands before.
    fn firsts(&mut self) -> Vec<bool> {
        let looks_back = !self.dfa.get_nfa().look_set_prefix_any().is_empty();
        let input = Input::new("").anchored(Anchored::Yes);
        let Some(start) = self
            .dfa
            .start_state_forward(&mut self.cache, &input)
            .ok()
            .filter(|_| !looks_back)
        else {
            return vec![true; 256];
        };
        let mut firsts = Vec::with_capacity(256);
        for byte in 0..=u8::MAX {
            let next = self.dfa.next_state(&mut self.cache, start, byte);
            firsts.push(next.map_or(true, |next| !next.is_dead()));
        }
        firsts
    }

    /// Whether a match that begins here may go on behind the end; also when that takes too long to
    /// find out.
    fn is_alive(&mut self, text: &str, at: usize, steps: &mut usize) -> bool {
        let input = Input::new(text).range(at..).anchored(Anchored::Yes);
        let Ok(mut state) = self.dfa.start_state_forward(&mut self.cache, &input) else {
            return true;
        };
        for byte in text.bytes().skip(at) {
            *steps = steps.saturating_sub(1);
            match self.dfa.next_state(&mut self.cache, state, byte) {
                Ok(next) if next.is_dead() => return false,
                Ok(next) if next.is_quit() || *steps == 0 => return true,
                Ok(next) => state = next,
                Err(_) => return true,
            }
        }
        true
    }
}
