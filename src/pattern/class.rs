//! Bracketed classes that hold `\w`, `\d` or `\s`: these stay ASCII while all else folds by Unicode.
//!
//! `regex-syntax` folds a class as a whole, and `(?i)[\w]` would then match `ſ`. Folding the leaves
//! one by one gives the same set for everything but the ASCII classes, which are closed already.

use regex_syntax::ast::{
    Ast, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetBinaryOpKind, ClassSetItem,
};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::translate::Translator;

/// `\w`, `\d`, `\s` and their negations over ASCII.
pub(super) fn perl(perl: &ClassPerl) -> ClassUnicode {
    let ranges: &[(char, char)] = match perl.kind {
        ClassPerlKind::Digit => &[('0', '9')],
        ClassPerlKind::Space => &[('\t', '\r'), (' ', ' ')],
        ClassPerlKind::Word => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
    };
    let mut class = ClassUnicode::new(
        ranges
            .iter()
            .map(|&(start, end)| ClassUnicodeRange::new(start, end)),
    );
    if perl.negated {
        class.negate();
    }
    class
}

/// Whether a class holds one of them.
pub(super) fn holds_perl(set: &ClassSet) -> bool {
    match set {
        ClassSet::Item(item) => item_holds_perl(item),
        ClassSet::BinaryOp(op) => holds_perl(&op.lhs) || holds_perl(&op.rhs),
    }
}

fn item_holds_perl(item: &ClassSetItem) -> bool {
    match item {
        ClassSetItem::Perl(_) => true,
        ClassSetItem::Bracketed(bracketed) => holds_perl(&bracketed.kind),
        ClassSetItem::Union(union) => union.items.iter().any(item_holds_perl),
        _ => false,
    }
}

/// The set of characters of such a class.
pub(super) fn bracketed(translator: &mut Translator<'_>, class: &ClassBracketed) -> ClassUnicode {
    let mut characters = set(translator, &class.kind);
    if class.negated {
        characters.negate();
    }
    characters
}

fn set(translator: &mut Translator<'_>, kind: &ClassSet) -> ClassUnicode {
    let op = match kind {
        ClassSet::Item(one) => return item(translator, one),
        ClassSet::BinaryOp(op) => op,
    };
    let mut left = set(translator, &op.lhs);
    let right = set(translator, &op.rhs);
    match op.kind {
        ClassSetBinaryOpKind::Intersection => left.intersect(&right),
        ClassSetBinaryOpKind::Difference => left.difference(&right),
        ClassSetBinaryOpKind::SymmetricDifference => left.symmetric_difference(&right),
    }
    left
}

fn item(translator: &mut Translator<'_>, one: &ClassSetItem) -> ClassUnicode {
    match one {
        ClassSetItem::Perl(written) => perl(written),
        ClassSetItem::Bracketed(inner) => bracketed(translator, inner),
        ClassSetItem::Union(union) => {
            let mut all = ClassUnicode::empty();
            for one in &union.items {
                all.union(&item(translator, one));
            }
            all
        }
        _ => {
            let alone = ClassBracketed {
                span: *one.span(),
                negated: false,
                kind: ClassSet::Item(one.clone()),
            };
            characters(&translator.leaf(&Ast::class_bracketed(alone)))
        }
    }
}

/// The characters of a leaf, which is a class, one character, or nothing at all.
fn characters(leaf: &Hir) -> ClassUnicode {
    match leaf.kind() {
        HirKind::Class(Class::Unicode(class)) => class.clone(),
        HirKind::Class(Class::Bytes(class)) => {
            class.to_unicode_class().unwrap_or_else(ClassUnicode::empty)
        }
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0).into_owned();
            ClassUnicode::new(text.chars().map(|c| ClassUnicodeRange::new(c, c)))
        }
        _ => ClassUnicode::empty(),
    }
}
