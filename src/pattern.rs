//! Usage-line patterns and named expressions: parse, match, print.
use std::collections::BTreeMap;
use std::ops::Range;
/// x
#[derive(Debug)]
pub struct Pattern(String);
/// x
#[derive(Debug, Default)]
pub struct RuleSet;
/// x
#[derive(Debug)]
pub struct Expression;
/// x
#[derive(Debug, Clone)]
pub struct Names;
/// x
#[derive(Debug, Clone, Copy)]
pub enum Lengths {
    /// x
    Enforced,
    /// x
    Ignored,
}
/// x
#[derive(Debug)]
pub struct Problem {
    /// x
    pub span: Range<usize>,
    /// x
    pub code: &'static str,
    /// x
    pub message: String,
    /// x
    pub help: Option<String>,
    /// x
    pub fix: Option<String>,
    /// x
    pub hint: bool,
}
impl Names {
    /// x
    pub fn new(
        _l: Vec<(String, String, Option<u32>)>,
        _p: Vec<(String, String)>,
        _i: &BTreeMap<String, Names>,
    ) -> (Self, Vec<(String, bool, Problem)>) {
        (Self, vec![])
    }
}
impl Pattern {
    /// x
    pub fn parse(t: &str, _n: &Names, _l: Lengths) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        Ok((Self(t.to_owned()), vec![]))
    }
    /// x
    pub fn text(&self) -> &str {
        &self.0
    }
    /// x
    pub fn may_match_one_word(&self) -> bool {
        true
    }
    /// x
    pub fn matches_written_flag(&self, _: &str) -> bool {
        false
    }
}
impl RuleSet {
    /// x
    pub fn new<'a>(_: impl IntoIterator<Item = &'a Pattern>) -> Self {
        Self
    }
    /// x
    pub fn matching<S: AsRef<str>>(&self, _: &[S]) -> std::vec::IntoIter<usize> {
        vec![].into_iter()
    }
}
impl Expression {
    /// x
    pub fn whole(_: &str) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }
    /// x
    pub fn searched(t: &str) -> Result<regex::Regex, Vec<Problem>> {
        regex::Regex::new(t).map_err(|_| vec![])
    }
}
