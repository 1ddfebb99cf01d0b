//! The files of the demonstration, as they lie in the repository, kept inside the binary.

/// A file of the repository, under the name that it gets in the demonstration's folder.
macro_rules! bundled {
    ($($root:literal: [$($file:literal,)*])*) => {
        &[$($((
            $file,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $root, $file)),
        ),)*)*]
    };
}

/// Name and content of each file.
pub(super) const FILES: &[(&str, &str)] = bundled! {
    "": [
        "policies/argocd-read-only.yaml",
        "policies/cluster-read-only.yaml",
        "policies/draft-pr-only.yaml",
        "policies/files-stay-inside.yaml",
        "policies/gitea-read-only.yaml",
        "policies/gitea-reviewed.yaml",
        "policies/redact.yaml",
        "policies/secrets-never.yaml",
        "policies/vault-names-only.yaml",
        "policies/web-documentation-only.yaml",
        "prompts/documentation.md",
        "prompts/infrastructure.md",
        "prompts/repository.md",
        "prompts/safety.md",
        "prompts/system.md",
        "prompts/tools.md",
        "prompts/workflows.md",
        "prompts/write_code.md",
        "prompts/write_documentation.md",
        "tools.d/argocd.yaml",
        "tools.d/docs_list.yaml",
        "tools.d/docs_read.yaml",
        "tools.d/docs_search.yaml",
        "tools.d/gitea.yaml",
        "tools.d/gitea_issue_create.yaml",
        "tools.d/gitea_pr_create.yaml",
        "tools.d/kubectl.yaml",
        "tools.d/repo_list.yaml",
        "tools.d/repo_read.yaml",
        "tools.d/repo_search.yaml",
        "tools.d/vault.yaml",
        "tools.d/web_fetch.yaml",
        "tools.d/write_code.yaml",
        "tools.d/write_documentation.yaml",
    ]
    "tests/fixtures/": [
        "demo.yaml",
        "lord-of-the-rings/README.md",
        "lord-of-the-rings/homelab/README.md",
        "lord-of-the-rings/homelab/argocd.md",
        "lord-of-the-rings/homelab/hardware/Turing Pi 2.md",
        "lord-of-the-rings/homelab/hardware/isildur.md",
        "lord-of-the-rings/homelab/minio/minio.md",
        "lord-of-the-rings/homelab/networking.md",
        "lord-of-the-rings/homelab/notas/instalação do cluster.md",
        "lord-of-the-rings/homelab/runbooks/README.md",
        "lord-of-the-rings/homelab/runbooks/certificate-not-renewed.md",
        "lord-of-the-rings/homelab/runbooks/cnpg-volume-full.md",
        "lord-of-the-rings/homelab/runbooks/node-not-ready.md",
        "lord-of-the-rings/homelab/storage/README.md",
        "lord-of-the-rings/homelab/storage/cnpg.md",
        "lord-of-the-rings/homelab/storage/iSCSI and ZFS.md",
        "lord-of-the-rings/homelab/storage/volsync.md",
        "lord-of-the-rings/homelab/valinor/README.md",
        "lord-of-the-rings/homelab/valinor/immich.md",
        "lord-of-the-rings/homelab/valinor/migration-helm-app-template.md",
        "lord-of-the-rings/homelab/valinor/netbox.md",
        "lord-of-the-rings/homelab/valinor/paperless.md",
        "lord-of-the-rings/homelab/valinor/sonarr.md",
        "lord-of-the-rings/homelab/vault/rotating-secrets.md",
        "lord-of-the-rings/homelab/vault/vault.md",
        "valinor/.gitignore",
        "valinor/CLAUDE.md",
        "valinor/README.md",
        "valinor/ansible/inventory.yml",
        "valinor/ansible/playbooks/stacks.yml",
        "valinor/ansible/stacks/iluvatar/nfs/exports",
        "valinor/ansible/stacks/isildur/caddy/compose.yml",
        "valinor/ansible/stacks/isildur/haproxy/haproxy.cfg",
        "valinor/applicationset.yaml",
        "valinor/apps/immich/config.yaml",
        "valinor/apps/immich/database.yaml",
        "valinor/apps/immich/library.yaml",
        "valinor/apps/immich/values.yaml",
        "valinor/apps/immich/vault-secret.yaml",
        "valinor/apps/netbox/config.yaml",
        "valinor/apps/netbox/database.yaml",
        "valinor/apps/netbox/values.yaml",
        "valinor/apps/netbox/vault-secret.yaml",
        "valinor/apps/paperless/config.yaml",
        "valinor/apps/paperless/database.yaml",
        "valinor/apps/paperless/values.yaml",
        "valinor/apps/paperless/vault-secret.yaml",
        "valinor/apps/sonarr/backup.yaml",
        "valinor/apps/sonarr/config.yaml",
        "valinor/apps/sonarr/values.yaml",
        "valinor/manifests/cert-manager-issuers/cloudflare.yaml",
        "valinor/manifests/cert-manager-issuers/config.yaml",
        "valinor/manifests/metallb/config.yaml",
        "valinor/manifests/metallb/pool.yaml",
        "valinor/terraform/arr/main.tf",
        "valinor/terraform/cloudflare/main.tf",
        "valinor/terraform/minio/main.tf",
        "valinor/terraform/netbox/main.tf",
        "valinor/terraform/vault/main.tf",
        "valinor/terraform/vault/variables.tf",
    ]
};

#[cfg(test)]
mod tests {
    use super::FILES;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn files(root: &Path, folder: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            if root.join(&path).is_dir() {
                files(root, &path, found);
            } else {
                found.insert(path);
            }
        }
    }

    #[test]
    fn every_file_of_the_repository_that_the_demonstration_shows_is_bundled() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut expected = BTreeSet::from(["demo.yaml".to_owned()]);
        for folder in ["tools.d", "policies", "prompts"] {
            files(root, folder, &mut expected);
        }
        for folder in ["lord-of-the-rings", "valinor"] {
            files(&root.join("tests/fixtures"), folder, &mut expected);
        }
        let bundled: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(bundled, expected);
    }
}
