//! The revision, computed a second time by its definition.

use std::fs;

use super::*;

/// The revision by its definition: every name and content behind its length as eight bytes.
fn defined(files: &[(&str, &str)]) -> String {
    let mut bytes = Vec::new();
    for (name, content) in files {
        for part in [name, content] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.bytes());
        }
    }
    hex(&Sha256::digest(&bytes))
}

fn revision(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let in_memory = files
        .iter()
        .map(|(name, content)| File::new(*name, *content));
    let in_memory = Origin::Files(in_memory.collect());
    let [one, other] = [Origin::from(folder.path()), in_memory].map(|origin| {
        let root = Root::read(&origin, &mut Vec::new()).unwrap();
        root.revision().to_string()
    });
    assert_eq!(one, other);
    one
}

#[test]
fn the_revision_is_the_digest_of_the_sorted_names_and_contents() {
    let files = [
        ("policies/read-only.yaml", "deny: [rm]\n"),
        ("prompts/system.md", "\u{feff}You are an agent.\r\n"),
        ("tolkien.yaml", ""),
        ("tools.d/a.yaml", "effect: read\n"),
        ("tools.d/b.yaml", "effect: write\n"),
    ];
    assert_eq!(revision(&files), defined(&files));
    assert_eq!(
        revision(&files[3..4]),
        "d267aeca5ad06e247858f9aaf333a412db8c1ec59c179d096262e65b52198bca",
    );
}

#[test]
fn a_flat_root_is_the_same_revision_and_what_is_not_read_does_not_count() {
    let nested = [
        ("tolkien.yaml", "limits: {}\n"),
        ("tools.d/a.yaml", "effect: read\n"),
    ];
    let flat = [
        ("permissions.ack.yaml", "- {reason: none}\n"),
        ("README.md", "# Tools\n"),
        ("tolkien.yaml", "limits: {}\n"),
        ("tools.d__a.yaml", "effect: read\n"),
    ];
    assert_eq!(revision(&nested), revision(&flat));
}

#[test]
fn a_byte_that_moves_between_two_files_is_another_revision() {
    let one = [("tools.d/a.yaml", "ab"), ("tools.d/b.yaml", "c")];
    let other = [("tools.d/a.yaml", "a"), ("tools.d/b.yaml", "bc")];
    assert_ne!(revision(&one), revision(&other));
}
