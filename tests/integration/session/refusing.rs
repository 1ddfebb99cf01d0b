//! Turns of which something happens that the store never keeps.

use super::*;

/// Has the store refuse every whole output with a text in it.
async fn refuse(world: &World, text: &str) {
    let location = location(world.folder.path()).await;
    match location {
        Location::Postgres(url) => {
            use sqlx::ConnectOptions as _;
            use tolkien::config::secret::ExposeSecret as _;
            let options: sqlx::postgres::PgConnectOptions = url.expose_secret().parse().unwrap();
            let mut db = options.connect().await.unwrap();
            let check = format!("ALTER TABLE outputs ADD CHECK (output NOT LIKE '%{text}%')");
            let check = sqlx::query(sqlx::AssertSqlSafe(check));
            check.execute(&mut db).await.unwrap();
        }
        Location::File(path) => {
            use sqlx::ConnectOptions as _;
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut db = options.connect().await.unwrap();
            let check = format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON outputs WHEN NEW.output LIKE '%{text}%' \
                 BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            );
            let check = sqlx::query(sqlx::AssertSqlSafe(check));
            check.execute(&mut db).await.unwrap();
        }
        Location::Memory => panic!("it is opened again"),
    }
}

#[tokio::test]
async fn a_turn_ends_and_says_so_when_the_store_refuses_what_happened_in_it() {
    let world = World::new().await;
    refuse(&world, "poison").await;
    let session = world.session().await;
    world
        .fake
        .push(Answer::tools([echo("water"), echo("poison")]));
    let turn = world.send(&session, "drink").await;
    let view = world.over(&session, &turn).await;
    assert_eq!(
        view.stop
            .as_ref()
            .map(|stop| (stop.reason.as_str(), stop.detail.as_deref())),
        Some((
            "internal_error",
            Some(
                "the store refuses to keep what happened in this turn, so the turn cannot go on; \
                 the server's log says why"
            )
        ))
    );
    assert_eq!(outcomes(&view)[1], "interrupted");
    // The conversation goes on, and its history keeps the rules.
    world.fake.push(Answer::tools([echo("wine")]));
    world.fake.push(Answer::text("Cheers."));
    let next = world.ask(&session, "something else").await;
    assert_eq!(next.response.as_deref(), Some("Cheers."));
    assert_eq!(outcomes(&next), ["exited"]);
    assert_eq!(world.fake.refusals(), [""; 0]);
}
