//! Whether a server says that it is ready, while its store takes no writes and afterwards.

use sqlx::{Connection as _, SqliteConnection};

use super::*;

impl Serving {
    async fn ready(&self) -> (u16, Value) {
        let request = self.client.get(format!("{}/readyz", self.address));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let mut body: Value = answer.json().await.unwrap();
        (status, body["status"].take())
    }
}

#[tokio::test]
async fn a_server_whose_store_takes_no_writes_is_not_ready() {
    let home = Home::new(&[
        ("tools.d/say.yaml", SAY),
        ("tolkien.yaml", "sandbox: {require: off}\n"),
    ]);
    let fake = Fake::start().await;
    let server = home.serve(&fake).await;
    let address = format!("sqlite:{}", home.state().join("tolkien.db").display());
    let mut db = SqliteConnection::connect(&address).await.unwrap();
    server.session().await;
    assert_eq!(server.ready().await, (200, json!("ready")));

    // No write has a place, whatever it holds.
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::raw_sql(full).execute(&mut db).await.unwrap();
    let refused = server.post("/sessions", &json!({})).send().await.unwrap();
    assert_eq!(refused.status(), 500);
    for _ in 0..2 {
        assert_eq!(server.ready().await, (503, json!("store_unavailable")));
    }

    sqlx::raw_sql("DROP TRIGGER full")
        .execute(&mut db)
        .await
        .unwrap();
    assert_eq!(server.ready().await, (200, json!("ready")));
    server.session().await;
}
