//! Files under the names that a review platform knows them by: from the top of the repository.

use std::path::{Component, Path, PathBuf};

/// Where a configuration lies in its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// The repository around a configuration. Outside of any, names are joined to the folder as it was
    /// given.
    pub(crate) fn around(root: &Path) -> Self {
        let folder = if root.is_file() {
            root.parent().unwrap_or(Path::new(""))
        } else {
            root
        };
        let below_top = folder.canonicalize().ok().and_then(|folder| {
            let top = folder
                .ancestors()
                .find(|above| above.join(".git").exists())?;
            folder.strip_prefix(top).ok().map(Path::to_owned)
        });
        Self {
            folder: below_top.unwrap_or_else(|| folder.to_owned()),
        }
    }

    /// A file of the configuration, with `/` between the parts.
    pub(crate) fn file(&self, name: &str) -> String {
        let path = self.folder.join(name);
        let mut parts: Vec<String> = Vec::new();
        let mut start = "";
        for part in path.components() {
            match part {
                Component::RootDir => start = "/",
                Component::CurDir | Component::Prefix(_) => {}
                Component::ParentDir => parts.push("..".to_owned()),
                Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            }
        }
        format!("{start}{}", parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_from_the_top_of_its_repository() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("deploy/agent");
        std::fs::create_dir_all(&root).unwrap();
        let outside = Repository::around(&root);
        let expected = format!("{}/tools.d/a.yaml", root.display());
        assert_eq!(outside.file("tools.d/a.yaml"), expected);
        std::fs::create_dir(top.path().join(".git")).unwrap();
        let inside = Repository::around(&root);
        assert_eq!(inside.file("tools.d/a.yaml"), "deploy/agent/tools.d/a.yaml");
    }

    #[test]
    fn outside_of_a_repository_a_file_is_named_from_the_folder_as_it_was_given() {
        for (folder, expected) in [
            (".", "tools.d/a.yaml"),
            ("./config/", "config/tools.d/a.yaml"),
            ("../config", "../config/tools.d/a.yaml"),
        ] {
            let folder = folder.into();
            assert_eq!(Repository { folder }.file("tools.d/a.yaml"), expected);
        }
    }
}
