//! The shipped shapes of secrets: what each takes out of an output, and what it leaves.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use tolkien::config::{Config, Overrides};
use tolkien::policy;

use crate::decision::files_below;

/// The shipped configuration.
fn shipped() -> Arc<Config> {
    let loaded = policy::load(Path::new(env!("CARGO_MANIFEST_DIR")), Overrides::None).unwrap();
    loaded.config.unwrap()
}

/// A text after every shipped redaction, in the order of the policies.
fn redacted(text: &str) -> String {
    redacted_by(&shipped(), text)
}

fn redacted_by(config: &Config, text: &str) -> String {
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
fn tokens_of_other_services_and_keys_in_other_clothes_are_taken_out() {
    let hex = "0123456789abcdef".repeat(4);
    let long = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";
    let key = "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt";
    let text = format!(
        r#"-----BEGIN RSA PRIVATE KEY----- {long} -----END RSA PRIVATE KEY-----
KEY="-----BEGIN EC PRIVATE KEY-----\n{long}{long}\n{long}\n
client-key-data: {key}{long}
tls.key {key}{long}== end
tailscale tskey-auth-{long}
gitlab glrt-{long}
digitalocean dop_v1_{hex}
sendgrid SG.{long}.{long}
grafana glsa_AbCdEfGhIjKlMnOpQrStUvWxYz012345_0a1b2c3d
docker dckr_pat_{long}
pypi pypi-AgE{long}
huggingface hf_{long}
google GOCSPX-{long} ya29.{long}
linear lin_api_{long}
onepassword ops_eyJ{long}{long}
terraform AbCdEfGhIjKlMn.atlasv1.{long}{long}
slack xapp-1-{long} https://hooks.slack.com/services/T0/B0/{long}
discord https://discord.com/api/webhooks/1234/{long}
k3s K10{hex}::server:{long}
cloudflare eyJhIjoi{long}{long}=
curl -u admin:hunter2 https://example.org
curl -fsS --user=joao:hunter2 https://example.org
{{"auths":{{"ghcr.io":{{"auth":"{long}=="}}}}}}
PresharedKey = {long}
htpasswd admin:$apr1$AbCdEfGh$AbCdEfGhIjKlMnOp
postgres SCRAM-SHA-256$4096:AbCdEfGhIjKl==$AbCdEfGhIjKl=:AbCdEfGhIjKl=
{{"value":"hunter2","name":"DB_PASSWORD"}}
- value: hunter2
  name: DB_PASSWORD
args: ["--db-password", "hunter2", "--port=1"]
args: [--token, hunter2, --port=1]
- --password
- hunter2
"#
    );
    insta::assert_snapshot!(redacted(&text), @r#"
    [redacted private key]
    KEY="[redacted private key]\n
    client-key-data: [redacted private key]
    tls.key [redacted private key] end
    tailscale [redacted API key]
    gitlab [redacted access token]
    digitalocean [redacted API key]
    sendgrid [redacted API key]
    grafana [redacted API key]
    docker [redacted access token]
    pypi [redacted access token]
    huggingface [redacted access token]
    google [redacted API key] [redacted API key]
    linear [redacted API key]
    onepassword [redacted API key]
    terraform [redacted API key]
    slack [redacted Slack token] https://hooks.slack.com/services/[redacted]
    discord https://discord.com/api/webhooks/[redacted]
    k3s [redacted node token]
    cloudflare [redacted tunnel token]
    curl -u admin:[redacted] https://example.org
    curl -fsS --user=joao:[redacted] https://example.org
    {"auths":{"ghcr.io":{"auth":[redacted]}}}
    PresharedKey = [redacted]
    htpasswd admin:[redacted hash]
    postgres [redacted hash]
    {"value":[redacted],"name":"DB_PASSWORD"}
    - value: [redacted]
      name: DB_PASSWORD
    args: ["--db-password", [redacted], "--port=1"]
    args: [--token, [redacted], --port=1]
    - --password
    - [redacted]
    "#);
}

#[test]
fn secrets_are_taken_out_as_other_programs_and_languages_write_them() {
    let text = r#"    Args:
      --password
      hunter2
DB_PASSWORD:
----
hunter2
hunter3

config.yaml:
----
left: as it is
OLD_PASSWORD: hunter2 and more
    - name: DB_PASSWORD
      value: hunter2 and more
OTHER_PASSWORD: $hunter2!
nested "{\\\"password\\\":\\\"hunter2\\\"}"
<ApiKey>hunter2</ApiKey><Name>left</Name>
requirepass hunter2
ALTER ROLE app WITH PASSWORD 'hunter2';
'password' => 'hunter2',
Server=db;pwd=hunter2;Port=1
Unseal Key 1: hunter2
Initial Root Token: hunter2
otpauth://totp/x?secret=hunter2
K3S_TOKEN=hunter2
NEXTAUTH_SECRET=hunter2
github_token: hunter2
token: hunter2
PASSWORD_2: hunter2
"#;
    insta::assert_snapshot!(redacted(text), @r#"
        Args:
          --password
          [redacted]
    DB_PASSWORD:
    ----
    [redacted]

    config.yaml:
    ----
    left: as it is
    OLD_PASSWORD: [redacted]
        - name: DB_PASSWORD
          value: [redacted]
    OTHER_PASSWORD: [redacted]
    nested "{\\\"password\\\":[redacted]}"
    <ApiKey>[redacted]</ApiKey><Name>left</Name>
    requirepass [redacted]
    ALTER ROLE app WITH PASSWORD [redacted];
    'password' => [redacted],
    Server=db;pwd=[redacted];Port=1
    Unseal Key 1: [redacted]
    Initial Root Token: [redacted]
    [redacted one-time password]
    K3S_TOKEN=[redacted]
    NEXTAUTH_SECRET=[redacted]
    github_token: [redacted]
    token: [redacted]
    PASSWORD_2: [redacted]
    "#);
}

#[test]
fn values_beside_a_name_are_taken_out_however_they_are_written() {
    let hex = "0123456789abcdef0123456789abcdef01234567";
    let long = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";
    let text = format!(
        r#"password: |
  first line
  second: line

  user: third line
user: joao
    env:
    - name: DB_PASSWORD
      value: hunter2
    - name: GITEA_TOKEN
      value: "hunter2 again"
    - name: TLS_PRIVATE_KEY
      value: |
        hunter2

        again
      more: 1
{{"name":"SMTP_PASS","value":"hunter2"}},{{"name":"API_KEY_2","value":"hunter2"}}
annotation: "{{\"name\":\"DB_PASSWORD\",\"value\":\"hunter2\"}},{{\"password\":\"hunt\\\"er2\"}}"
  - adminPassword: >-
      hunter2
    user: joao
  'api-key': |2-
      hunter2
  next: 1
password: "hun$ter2" and "after"
password: "$hunter2!" password: "{{hunter2" password: "<hunter>2" password: "hun\"ter2"
password: '$hunter2!' password: 'hun''ter2' password: '{{hunter2'
password=hunter,2
DB_PASS=hunter2
MYSQL_PWD=hunter2
dbPass: hunter2
db-pass: hunter2
token: {hex}
token="{hex}"
jwe eyJhbGciOiJkaXIi.{long}.{long}.{long}.{long} end
jwe eyJhbGciOiJkaXIi..{long}.{long}.{long} end
stripe sk_live_{long} rk_live_{long}
npm npm_{long}
clone https://{long}@gitea.jpnadas.xyz/jpnadas/valinor
clone https://joao:hunter2@gitea.jpnadas.xyz/jpnadas/valinor
"#
    );
    insta::assert_snapshot!(redacted(&text), @r#"
    password: | [redacted]
    user: joao
        env:
        - name: DB_PASSWORD
          value: [redacted]
        - name: GITEA_TOKEN
          value: [redacted]
        - name: TLS_PRIVATE_KEY
          value: | [redacted]
          more: 1
    {"name":"SMTP_PASS","value":[redacted]},{"name":"API_KEY_2","value":[redacted]}
    annotation: "{\"name\":\"DB_PASSWORD\",\"value\":[redacted]},{\"password\":[redacted]}"
      - adminPassword: >- [redacted]
        user: joao
      'api-key': |2- [redacted]
      next: 1
    password: [redacted] and "after"
    password: [redacted] password: [redacted] password: [redacted] password: [redacted]
    password: [redacted] password: [redacted] password: [redacted]
    password=[redacted]
    DB_PASS=[redacted]
    MYSQL_PWD=[redacted]
    dbPass: [redacted]
    db-pass: [redacted]
    token: [redacted]
    token=[redacted]
    jwe [redacted JWE] end
    jwe [redacted JWE] end
    stripe [redacted API key] [redacted API key]
    npm [redacted access token]
    clone https://[redacted]@gitea.jpnadas.xyz/jpnadas/valinor
    clone https://[redacted]@gitea.jpnadas.xyz/jpnadas/valinor
    "#);
}

#[test]
fn recorded_outputs_and_the_bundled_files_are_left() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let config = shipped();
    let mut changed = String::new();
    for folder in ["kubernetes", "valinor", "lord-of-the-rings"] {
        for path in files_below(&fixtures.join(folder)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let redacted = redacted_by(&config, &text);
            let lines = text.lines().zip(redacted.lines());
            for (line, redacted) in lines.filter(|(line, redacted)| line != redacted) {
                writeln!(changed, "{}\n{}", line.trim(), redacted.trim()).unwrap();
            }
            assert_eq!(text.lines().count(), redacted.lines().count(), "{path:?}");
        }
    }
    insta::assert_snapshot!(changed, @"
    access_key = minio_iam_user.cnpg[each.key].name
    access_key = [redacted]
    secret_key = minio_iam_user.cnpg[each.key].secret
    secret_key = [redacted]
    ");
}

#[test]
fn references_and_prose_are_left() {
    let text = r#"
commit 0123456789abcdef0123456789abcdef01234567
image: ghcr.io/immich@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
existingSecret: immich-db
passwordSecretRef: {name: immich, key: password}
secretKeyRef: {name: immich, key: password}
password: ${DB_PASSWORD}
password: "${DB_PASSWORD}" password: "$DB_PASSWORD" password: '$(DB_PASSWORD)'
password: "{{ .Values.password }}" password: "<path:secret/data/immich#password>"
password: |
user: joao
env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: immich, key: password}}}]
- name: DB_PASSWORD
  value: $(OTHER)
- name: PASSWORD_FILE
  value: /run/secrets/password
- name: TOKEN_URL
  value: https://auth.example.org/token
- name: immich
  value: 3
- name: DB_PASSWORD
  valueFrom: {secretKeyRef: {name: immich, key: password}}
docker run --user 65532:65532 -u 1000:1000 --user=node:node immich
rg --glob=!{password,-token,--token}.txt
certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUM
{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"immich"}}}
PWD=/srv/repo
compass: north
sha: 0123456789abcdef0123456789abcdef01234567
ssh://git@gitea.jpnadas.xyz/jpnadas/valinor.git
https://joao@gitea.jpnadas.xyz/jpnadas/valinor.git
https://kubernetes.io/docs/concepts/@configuration
https://example.org?mail=joao.nadas@example.org
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
"#;
    assert_eq!(redacted(text), text);
}
