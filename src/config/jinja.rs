//! What a MiniJinja text mentions, dead branches included: rendering would tell of an unknown name
//! or filter only on the day its branch is taken.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::ast::{CallArg, Expr, Macro, Spanned, Stmt};
use minijinja::machinery::{Span, parse};
use minijinja::{Environment, UndefinedBehavior};

/// Steps that one rendering may take: far more than a prompt needs, far fewer than a hang.
const FUEL: u64 = 1_000_000;

/// What a text mentions, with bytes of the text.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    /// Names that the text itself does not assign.
    pub(crate) names: Vec<(String, Range<usize>)>,
    /// `name.attribute` for those names.
    pub(crate) attributes: Vec<(String, String, Range<usize>)>,
    /// Filters.
    pub(crate) filters: Vec<(String, Range<usize>)>,
    /// Tests, as in `x is test`.
    pub(crate) tests: Vec<(String, Range<usize>)>,
    /// Other files: `include`, `import`, `extends`.
    pub(crate) files: Vec<Mentioned>,
}

/// Another file that a text reads.
#[derive(Debug)]
pub(crate) struct Mentioned {
    /// Its name; absent when that is computed.
    pub(crate) name: Option<String>,
    /// Where it is named.
    pub(crate) span: Range<usize>,
    /// Names that the text assigns there: the other file sees them too.
    pub(crate) scope: BTreeSet<String>,
}

/// An environment that is strict about undefined names and cannot run for ever.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(50);
    environment.set_debug(true);
    environment
}

/// Whether an environment has a filter or test of this name.
pub(crate) fn knows(environment: &Environment<'_>, kind: &str, name: &str) -> bool {
    let expression = format!("name is {kind}");
    environment
        .compile_expression(&expression)
        .and_then(|expression| expression.eval(minijinja::context! { name }))
        .is_ok_and(|answer| answer.is_true())
}

/// Walks a whole text.
pub(crate) fn mentions(text: &str) -> Result<Mentions, minijinja::Error> {
    let template = parse(text, "template", minijinja::syntax::SyntaxConfig::default())?;
    let mut walker = Walker {
        text,
        found: Mentions::default(),
        scopes: vec![BTreeSet::new()],
    };
    walker.statement(&template);
    Ok(walker.found)
}

/// The longest that one `{{ … }}` or `{% … %}` may be, in bytes: its parser goes a step deeper into
/// the stack with every operator of a chain.
const LONGEST_TAG: usize = 2_000;

/// The most `elif` of one text, which nest in the same way.
const MOST_ELIF: usize = 100;

/// The first place of a text that is too long to be parsed within the stack.
pub(crate) fn too_long(text: &str) -> Option<Range<usize>> {
    let mut at = 0;
    let mut elifs = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find('{')) {
        let start = at + start;
        let rest = text.get(start..).unwrap_or_default();
        let end = match rest.get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            _ => {
                at = start + 1;
                continue;
            }
        };
        let length = rest.find(end).unwrap_or(rest.len());
        let tag = rest.get(2..length).unwrap_or_default();
        elifs += usize::from(tag.trim_start_matches('-').trim_start().starts_with("elif"));
        if length > LONGEST_TAG || elifs > MOST_ELIF {
            return Some(start..start + 2);
        }
        at = start + length.max(2);
    }
    None
}

/// The bytes of a span.
pub(crate) fn bytes(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

struct Walker<'a> {
    text: &'a str,
    found: Mentions,
    scopes: Vec<BTreeSet<&'a str>>,
}

impl<'a> Walker<'a> {
    fn statements(&mut self, all: &[Stmt<'a>]) {
        for statement in all {
            self.statement(statement);
        }
    }

    fn scoped(&mut self, assigned: &[&Expr<'a>], body: &[Stmt<'a>]) {
        self.scopes.push(BTreeSet::new());
        for target in assigned {
            self.assign(target);
        }
        self.statements(body);
        self.scopes.pop();
    }

    fn declare(&mut self, name: &'a str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name);
        }
    }

    fn assign(&mut self, target: &Expr<'a>) {
        match target {
            Expr::Var(name) => self.declare(name.id),
            Expr::List(list) => list.items.iter().for_each(|item| self.assign(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.assign(item)),
            other => self.expression(other),
        }
    }

    fn statement(&mut self, statement: &Stmt<'a>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                self.expression(&each.iter);
                self.scopes.push(BTreeSet::from(["loop"]));
                self.assign(&each.target);
                if let Some(filter) = &each.filter_expr {
                    self.expression(filter);
                }
                self.statements(&each.body);
                self.scopes.pop();
                self.scoped(&[], &each.else_body);
            }
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr);
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            Stmt::WithBlock(with) => {
                for (_, value) in &with.assignments {
                    self.expression(value);
                }
                let targets: Vec<&Expr<'a>> = with.assignments.iter().map(|(to, _)| to).collect();
                self.scoped(&targets, &with.body);
            }
            Stmt::Set(set) => {
                self.expression(&set.expr);
                self.assign(&set.target);
            }
            Stmt::SetBlock(set) => {
                set.filter.iter().for_each(|filter| self.expression(filter));
                self.scoped(&[], &set.body);
                self.assign(&set.target);
            }
            Stmt::AutoEscape(escape) => {
                self.expression(&escape.enabled);
                self.statements(&escape.body);
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.statements(&block.body);
            }
            Stmt::Block(block) => self.scoped(&[], &block.body),
            Stmt::Extends(extends) => self.file(&extends.name),
            Stmt::Include(include) => self.file(&include.name),
            Stmt::Import(import) => {
                self.file(&import.expr);
                self.assign(&import.name);
            }
            Stmt::FromImport(import) => {
                self.file(&import.expr);
                for (name, alias) in &import.names {
                    self.assign(alias.as_ref().unwrap_or(name));
                }
            }
            Stmt::Macro(definition) => {
                self.declare(definition.name);
                self.definition(definition);
            }
            Stmt::CallBlock(block) => {
                self.expression(&block.call.expr);
                self.arguments(&block.call.args);
                self.definition(&block.macro_decl);
            }
            Stmt::Do(call) => {
                self.expression(&call.call.expr);
                self.arguments(&call.call.args);
            }
        }
    }

    fn definition(&mut self, definition: &Spanned<Macro<'a>>) {
        definition
            .defaults
            .iter()
            .for_each(|value| self.expression(value));
        self.scopes.push(BTreeSet::from(["caller"]));
        definition
            .args
            .iter()
            .for_each(|argument| self.assign(argument));
        self.statements(&definition.body);
        self.scopes.pop();
    }

    fn file(&mut self, name: &Expr<'a>) {
        let constant = name.as_const();
        if constant.is_none() {
            self.expression(name);
        }
        self.found.files.push(Mentioned {
            name: constant.and_then(|value| value.as_str().map(str::to_owned)),
            span: bytes(name.span()),
            scope: self
                .scopes
                .iter()
                .flatten()
                .map(|name| (*name).to_owned())
                .collect(),
        });
    }

    fn arguments(&mut self, arguments: &[CallArg<'a>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }

    fn name(&mut self, name: &'a str, span: Span) {
        if !self.scopes.iter().any(|scope| scope.contains(name)) {
            self.found.names.push((name.to_owned(), bytes(span)));
        }
    }

    /// The bytes of a filter's or test's name, which stands behind what it is applied to.
    fn name_after(&self, name: &str, whole: Span, inner: Option<Span>) -> Range<usize> {
        let whole = bytes(whole);
        let from = inner.map_or(whole.start, |inner| bytes(inner).end);
        let found = self
            .text
            .get(from..)
            .and_then(|rest| rest.find(name))
            .map(|at| from + at..from + at + name.len());
        found.unwrap_or(whole)
    }

    fn expression(&mut self, expression: &Expr<'a>) {
        match expression {
            Expr::Const(_) => {}
            Expr::Var(name) => self.name(name.id, name.span()),
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                for part in [&slice.start, &slice.stop, &slice.step]
                    .into_iter()
                    .flatten()
                {
                    self.expression(part);
                }
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => {
                self.expression(&operation.left);
                self.expression(&operation.right);
            }
            Expr::Compare(compare) => {
                self.expression(&compare.expr);
                compare.ops.iter().for_each(|op| self.expression(&op.expr));
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.expression(&choice.true_expr);
                choice
                    .false_expr
                    .iter()
                    .for_each(|value| self.expression(value));
            }
            Expr::Filter(filter) => {
                let inner = filter.expr.as_ref().map(Expr::span);
                let span = self.name_after(filter.name, filter.span(), inner);
                self.found.filters.push((filter.name.to_owned(), span));
                filter.expr.iter().for_each(|value| self.expression(value));
                self.arguments(&filter.args);
            }
            Expr::Test(test) => {
                let span = self.name_after(test.name, test.span(), Some(test.expr.span()));
                self.found.tests.push((test.name.to_owned(), span));
                self.expression(&test.expr);
                self.arguments(&test.args);
            }
            Expr::GetAttr(attribute) => {
                if let Expr::Var(name) = &attribute.expr
                    && !self.scopes.iter().any(|scope| scope.contains(name.id))
                {
                    self.found.attributes.push((
                        name.id.to_owned(),
                        attribute.name.to_owned(),
                        bytes(attribute.span()),
                    ));
                }
                self.expression(&attribute.expr);
            }
            Expr::GetItem(item) => {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            Expr::Call(call) => {
                self.expression(&call.expr);
                self.arguments(&call.args);
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => map
                .keys
                .iter()
                .chain(&map.values)
                .for_each(|part| self.expression(part)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_would_overflow_the_stack_is_too_long() {
        let chain = |terms: usize| format!("ab {{{{ 1{} }}}}", "+1".repeat(terms));
        assert_eq!(too_long(&chain(900)), None);
        assert_eq!(too_long(&chain(1_000)), Some(3..5));
        assert_eq!(too_long(&chain(100_000)), Some(3..5));
        assert_eq!(too_long(&"{{ a }}{ b ".repeat(10_000)), None);
        let branches = format!("{{% if a %}}{}{{% endif %}}", "{% elif b %}".repeat(101));
        assert!(too_long(&branches).is_some());
        assert_eq!(too_long("{{ never closed"), None);
    }

    fn names(text: &str) -> Vec<String> {
        let found = mentions(text).unwrap();
        found.names.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn names_that_the_text_assigns_are_not_mentioned() {
        let text = "{% for tool in tools %}{{ loop.index }}{{ tool.name }}{{ x }}{% endfor %}\
                    {% set y = z %}{{ y }}{% macro m(a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}";
        assert_eq!(names(text), ["tools", "x", "z", "b"]);
    }

    #[test]
    fn dead_branches_are_walked() {
        let found =
            mentions("{% if false %}{{ a | nofilter }}{{ b is notest }}{% endif %}").unwrap();
        assert_eq!(found.filters[0].0, "nofilter");
        assert_eq!(found.tests[0].0, "notest");
    }

    #[test]
    fn an_environment_tells_which_filters_and_tests_it_has() {
        let environment = environment();
        assert!(knows(&environment, "filter", "upper"));
        assert!(!knows(&environment, "filter", "uper"));
        assert!(knows(&environment, "test", "defined"));
    }
}
