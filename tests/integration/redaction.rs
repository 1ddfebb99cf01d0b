//! The shipped shapes of secrets: what each takes out of an output, and what it leaves.

use std::path::Path;

use tolkien::config::Overrides;
use tolkien::policy;

/// A text after every shipped redaction, in the order of the policies.
fn redacted(text: &str) -> String {
    let loaded = policy::load(Path::new(env!("CARGO_MANIFEST_DIR")), Overrides::None).unwrap();
    let config = loaded.config.unwrap();
    let mut text = text.to_owned();
    for policy in config.policies().values() {
        for redaction in &policy.redact {
            let replace = redaction.replace.as_str();
            text = redaction
                .expression
                .replace_all(&text, replace)
                .into_owned();
        }
    }
    text
}

#[test]
fn secrets_of_well_known_shapes_are_taken_out() {
    // Put together here, so that no scanner of repositories takes one for a real secret.
    let hex = "0123456789abcdef0123456789abcdef01234567";
    let long = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";
    let text = format!(
        r#"
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEA
-----END OPENSSH PRIVATE KEY-----
{long}{long}
{long}==
-----END RSA PRIVATE KEY-----
-----BEGIN PRIVATE KEY-----
{long}{long}
{long}{long}
and
A key lies between -----BEGIN PRIVATE KEY----- and its end.
jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{long} end
vault hvs.{long} and s.AbCdEfGhIjKlMnOpQrStUvWx
claude sk-ant-api03-{long}
github ghp_{long}
telegram 123456789:AA{long}
aws AKIAABCDEFGHIJKLMNOP aws_secret_access_key = {hex}
Authorization: Basic dXNlcjpwYXNzd29yZA==
"authorization": "token {hex}"
curl with Bearer {long}
clone https://joao:{long}@gitea.jpnadas.xyz/jpnadas/valinor
GET /hook?id=3&token={long}&x=1
GITEA_TOKEN={hex}
password: hunter2
  adminPassword: "two words"
{{"password":"hunter2","user":"joao"}}
POSTGRES_PASSWORD=hunter2
client_secret: abc123
s3: {{secretAccessKey: abc, region: eu}}
API_KEY=abc123
botToken: 'abc123'
psql --password hunter2 -h db
hash $2b$12$ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0
"#
    );
    insta::assert_snapshot!(redacted(&text), @r#"

    [redacted private key]
    [redacted private key]
    [redacted private key]
    and
    A key lies between -----BEGIN PRIVATE KEY----- and its end.
    jwt [redacted JWT] end
    vault [redacted Vault token] and [redacted Vault token]
    claude [redacted API key]
    github [redacted access token]
    telegram [redacted Telegram token]
    aws [redacted access key] aws_secret_access_key = [redacted]
    authorization: [redacted]
    "authorization: [redacted]"
    curl with bearer [redacted]
    clone https://[redacted]@gitea.jpnadas.xyz/jpnadas/valinor
    GET /hook?id=3&token=[redacted]&x=1
    GITEA_TOKEN=[redacted]
    password: [redacted]
      adminPassword: [redacted]
    {"password":[redacted],"user":"joao"}
    POSTGRES_PASSWORD=[redacted]
    client_secret: [redacted]
    s3: {secretAccessKey: [redacted], region: eu}
    API_KEY=[redacted]
    botToken: [redacted]
    psql --password [redacted] -h db
    hash [redacted hash]
    "#);
}

#[test]
fn references_and_prose_are_left() {
    let text = r"
commit 0123456789abcdef0123456789abcdef01234567
image: ghcr.io/immich@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
existingSecret: immich-db
passwordSecretRef: {name: immich, key: password}
secretKeyRef: {name: immich, key: password}
password: ${DB_PASSWORD}
password: {{ .Values.password }}
password: <path:secret/data/immich#password>
path: secret/apps/immich
secretName: immich-tls
tokenReviewer: true
Basic authentication and bearer tokens are described below.
clusters.postgresql.cnpg.io s.media
https://kubernetes.io/docs/concepts/configuration/secret/
apiVersion: secrets.hashicorp.com/v1beta1
automountServiceAccountToken: true
";
    assert_eq!(redacted(text), text);
}
