//! One automaton for one or more expressions, as a flat table from state and byte to state.
//!
//! `regex-automata` determinises; the states are then renumbered from the start in the order in
//! which texts reach them, so that the table is small and what is used lies together.

use std::collections::HashMap;

use regex_automata::Anchored;
use regex_automata::MatchKind;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::alphabet::Unit;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_syntax::hir::Hir;

/// A table may take this many bytes.
const LARGEST_BYTES: usize = 1 << 20;

/// The row from which nothing can match any more: the first.
pub(super) const DEAD: u32 = 0;

/// Many expressions, each matched whole.
#[derive(Debug)]
pub(super) struct Table {
    /// The column of each byte; the column after the last holds the row's signature.
    columns: Box<[u8; 256]>,
    /// Rows of states; a state is the offset of its row.
    cells: Vec<u32>,
    start: u32,
    end_column: usize,
    /// For each signature the numbers of the expressions that match.
    signatures: Vec<Vec<usize>>,
}

impl Table {
    /// Compiles expressions that are anchored at both ends, each with its number; `None` when the
    /// table would get too large, or an expression needs to see more than bytes.
    pub(super) fn new(expressions: &[(usize, Hir)]) -> Option<Self> {
        let config = thompson::Config::new()
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(LARGEST_BYTES * 4));
        let hirs: Vec<&Hir> = expressions.iter().map(|(_, hir)| hir).collect();
        let nfa = thompson::Compiler::new()
            .configure(config)
            .build_many_from_hir(&hirs)
            .ok()?;
        let config = dense::Config::new()
            .accelerate(false)
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .dfa_size_limit(Some(LARGEST_BYTES))
            .determinize_size_limit(Some(LARGEST_BYTES * 4));
        let dfa = dense::Builder::new()
            .configure(config)
            .build_from_nfa(&nfa)
            .ok()?;
        Copier::new(&dfa, expressions)?.copy()
    }

    /// The row before the first byte.
    pub(super) fn start(&self) -> u32 {
        self.start
    }

    /// The row after one more byte.
    pub(super) fn next(&self, row: u32, byte: u8) -> u32 {
        self.cell(row, usize::from(self.column(byte)))
    }

    /// The numbers of the expressions that match what led to a row.
    pub(super) fn matching(&self, row: u32) -> &[usize] {
        let signature = self.cell(row, self.end_column);
        self.signatures
            .get(signature as usize)
            .map_or(&[], Vec::as_slice)
    }

    /// Bytes with the same column lead the same way from everywhere.
    pub(super) fn column(&self, byte: u8) -> u8 {
        self.columns
            .get(usize::from(byte))
            .copied()
            .unwrap_or_default()
    }

    fn cell(&self, row: u32, column: usize) -> u32 {
        self.cells
            .get(row as usize + column)
            .copied()
            .unwrap_or(DEAD)
    }
}

/// Copies an automaton state by state, as they are reached.
struct Copier<'a> {
    dfa: &'a dense::DFA<Vec<u32>>,
    expressions: &'a [(usize, Hir)],
    /// One byte for each column.
    bytes: Vec<u8>,
    rows: HashMap<StateID, u32>,
    order: Vec<StateID>,
    signatures: Vec<Vec<usize>>,
    by_signature: HashMap<Vec<usize>, u32>,
}

impl<'a> Copier<'a> {
    fn new(dfa: &'a dense::DFA<Vec<u32>>, expressions: &'a [(usize, Hir)]) -> Option<Self> {
        let bytes: Vec<u8> = dfa
            .byte_classes()
            .representatives(..)
            .filter_map(Unit::as_u8)
            .collect();
        let mut copier = Self {
            dfa,
            expressions,
            bytes,
            rows: HashMap::new(),
            order: Vec::new(),
            signatures: Vec::new(),
            by_signature: HashMap::new(),
        };
        // The dead state has the first row and the first signature: nothing matches.
        copier.row(StateID::ZERO)?;
        copier.number(Vec::new())?;
        Some(copier)
    }

    fn copy(mut self) -> Option<Table> {
        let anchored = start::Config::new().anchored(Anchored::Yes);
        let start = self.row(self.dfa.start_state(&anchored).ok()?)?;
        let mut cells = Vec::new();
        let mut at = 0;
        while let Some(state) = self.order.get(at).copied() {
            at += 1;
            for byte in self.bytes.clone() {
                let next = self.row(self.dfa.next_state(state, byte))?;
                cells.push(next);
            }
            let end = self.dfa.next_eoi_state(state);
            let signature = self.matching(end);
            cells.push(self.number(signature)?);
        }
        let classes = self.dfa.byte_classes();
        let mut columns = Box::new([0; 256]);
        for (column, byte) in columns.iter_mut().zip(0_u8..=255) {
            *column = classes.get(byte);
        }
        let end_column = self.bytes.len();
        Some(Table {
            columns,
            cells,
            start,
            end_column,
            signatures: self.signatures,
        })
    }

    /// The row of a state: its own, or the next free one. A dead state has the first.
    fn row(&mut self, state: StateID) -> Option<u32> {
        if let Some(row) = self.rows.get(&state) {
            return Some(*row);
        }
        let row = u32::try_from(self.order.len() * (self.bytes.len() + 1)).ok()?;
        self.rows.insert(state, row);
        self.order.push(state);
        Some(row)
    }

    fn number(&mut self, signature: Vec<usize>) -> Option<u32> {
        if let Some(number) = self.by_signature.get(&signature) {
            return Some(*number);
        }
        let number = u32::try_from(self.signatures.len()).ok()?;
        self.by_signature.insert(signature.clone(), number);
        self.signatures.push(signature);
        Some(number)
    }

    fn matching(&self, end: StateID) -> Vec<usize> {
        if !self.dfa.is_match_state(end) {
            return Vec::new();
        }
        let pattern = |at| self.dfa.match_pattern(end, at).as_usize();
        let number = |at| Some(self.expressions.get(pattern(at))?.0);
        let mut matching: Vec<usize> = (0..self.dfa.match_len(end)).filter_map(number).collect();
        matching.sort_unstable();
        matching
    }
}
