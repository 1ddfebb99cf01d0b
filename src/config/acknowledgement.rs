//! `permissions.ack.yaml`: widenings that somebody looked at and accepted, each by its fingerprint.

use super::yaml::{self, Kind, Reader};
use crate::diagnostic::{Diagnostic, Place, Source};

/// One accepted widening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// What `tolkien diff` prints for exactly that change.
    pub fingerprint: String,
    /// Why it is accepted.
    pub reason: String,
    /// Where it is written.
    pub place: Place,
}

/// Reads the file; what it says counts for `diff` alone.
pub(crate) fn read(source: &Source, found: &mut Vec<Diagnostic>) -> Vec<Acknowledgement> {
    let Some(node) = yaml::parse_optional(source, found) else {
        return Vec::new();
    };
    if matches!(&node.kind, Kind::Map(entries) if entries.is_empty()) {
        return Vec::new();
    }
    let mut reader = Reader::new(source, found);
    let mut all = Vec::new();
    for item in reader
        .list(&node, "the acknowledgements")
        .unwrap_or_default()
    {
        let known = ["fingerprint", "reason"];
        let Some(fields) = reader.fields(item, "an acknowledgement", &known) else {
            continue;
        };
        let mut field = |key: &str| {
            let help = "write `{fingerprint: …, reason: …}` as `tolkien diff` prints it";
            let node = reader.required(&fields, key, "an acknowledgement", help)?;
            let text = reader.text(node, &format!("`{key}`"))?.trim();
            // The entry that is printed to be pasted has an ellipsis where the reason belongs.
            if !text.contains(char::is_alphanumeric) {
                let way_out = "write what makes it acceptable, for whoever reads it later";
                reader.error("empty-text", node, format!("`{key}` says nothing"), way_out);
                return None;
            }
            Some(text.to_owned())
        };
        if let (Some(fingerprint), Some(reason)) = (field("fingerprint"), field("reason")) {
            all.push(Acknowledgement {
                fingerprint,
                reason,
                place: reader.place(item),
            });
        }
    }
    all
}
