//! `permissions.ack.yaml`: the widenings that a reviewer has agreed to.
//!
//! A list of `{fingerprint, reason}`; what a fingerprint stands for is known to `tolkien diff` alone,
//! which prints the entry to paste. It is 64 digits of lower-case hexadecimal and nothing else — no
//! `sha256:` before it, no capitals — so that one change has one spelling, which a search finds.

use std::collections::BTreeMap;

use super::name::Fingerprint;
use super::yaml::{self, Kind, Node, Reader};
use crate::diagnostic::{Diagnostic, Place, Source};

/// A widening that was agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The change.
    pub fingerprint: Fingerprint,
    /// Why it is fine, for whoever reads the file later.
    pub reason: String,
    /// Where it is written.
    pub place: Place,
}

/// The digits of a fingerprint: SHA-256 has 32 bytes.
const DIGITS: usize = 64;

/// Reads the file where there is one; entries with a mistake are reported and left out.
pub(super) fn read(source: Option<&Source>, found: &mut Vec<Diagnostic>) -> Vec<Acknowledgement> {
    let Some(source) = source else {
        return Vec::new();
    };
    let Some(node) = yaml::parse_optional(source, found) else {
        return Vec::new();
    };
    if matches!(&node.kind, Kind::Map(entries) if entries.is_empty()) {
        return Vec::new();
    }
    let mut reader = Reader::new(source, found);
    let items = reader.list(&node, "the acknowledgements");
    let mut first: BTreeMap<Fingerprint, Place> = BTreeMap::new();
    let mut all = Vec::new();
    for item in items.unwrap_or_default() {
        let Some(read) = acknowledgement(&mut reader, item) else {
            continue;
        };
        if let Some(first) = first.get(&read.fingerprint) {
            let finding = Diagnostic::error(
                "duplicate-acknowledgement",
                read.place,
                format!("`{}` is acknowledged a second time", read.fingerprint),
            );
            let finding = finding.label(first.clone(), "first here");
            reader
                .found
                .push(finding.help("keep one of the two entries"));
            continue;
        }
        first.insert(read.fingerprint.clone(), read.place.clone());
        all.push(read);
    }
    all
}

fn acknowledgement(reader: &mut Reader<'_>, item: &Node) -> Option<Acknowledgement> {
    let what = "an acknowledgement";
    let help = "write `{fingerprint: …, reason: …}` as `tolkien diff` prints it";
    let fields = reader.fields(item, what, &["fingerprint", "reason"])?;
    let fingerprint = reader
        .required(&fields, "fingerprint", what, help)
        .and_then(|node| fingerprint(reader, node));
    let reason = reader
        .required(&fields, "reason", what, help)
        .and_then(|node| {
            let text = reader.prose(node, "`reason`")?;
            // The entry that is printed to be pasted has an ellipsis where the reason belongs.
            if !text.contains(char::is_alphanumeric) {
                let way_out = "write what makes it acceptable, for whoever reads it later";
                reader.error("empty-text", node, "`reason` says nothing", way_out);
                return None;
            }
            Some(text)
        });
    Some(Acknowledgement {
        fingerprint: fingerprint?,
        reason: reason?.to_owned(),
        place: reader.place(item),
    })
}

fn fingerprint(reader: &mut Reader<'_>, node: &Node) -> Option<Fingerprint> {
    let text = reader.text(node, "`fingerprint`")?;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_fingerprint = |text: &str| text.len() == DIGITS && text.bytes().all(is_digit);
    if is_fingerprint(text) {
        return Some(Fingerprint::new(text));
    }
    let place = reader.place(node);
    let finding = Diagnostic::error(
        "bad-fingerprint",
        place.clone(),
        format!("`{text}` is no fingerprint"),
    );
    let meant = text.trim().to_ascii_lowercase();
    let meant = meant.strip_prefix("sha256:").unwrap_or(&meant);
    let finding = finding.help(format!(
        "it has {DIGITS} digits of `0-9` and `a-f`: copy it from what `tolkien diff` prints"
    ));
    reader.found.push(if is_fingerprint(meant) {
        finding.fix(place, format!("\"{meant}\""))
    } else {
        finding
    });
    None
}
