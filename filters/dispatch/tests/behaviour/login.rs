//! Addresses, databases and credentials.

use outrigger_dispatch::{RedisSettings, Store};
use tempfile::TempDir;

use crate::server::RedisServer;
use crate::support::{Guest, World, patient, redis, told, write_password};

fn guest_of(settings: RedisSettings) -> Guest {
    World::of_store(Store::redis("redis", "", settings).unwrap()).trusted_guest()
}

#[tokio::test]
async fn the_url_chooses_the_database() {
    let server = RedisServer::start();
    let guest = World::of_store(redis(format!("{}/3", server.url()))).trusted_guest();
    assert_eq!(guest.http("redis", "PUT", "/k", "v").await, told(204, "", ""));
    let mut client = server.client();
    assert_eq!(redis::cmd("GET").arg("k").query::<Option<String>>(&mut client), Ok(None));
    let () = redis::cmd("SELECT").arg(3).query(&mut client).unwrap();
    assert_eq!(redis::cmd("GET").arg("k").query::<Option<String>>(&mut client), Ok(Some("v".to_owned())));
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_an_error() {
    let server = RedisServer::start();
    let guest = World::of_store(redis(format!("{}/99", server.url()))).trusted_guest();
    assert_eq!(guest.http("redis", "GET", "/k", "").await, told(502, "other", ""));
}

#[tokio::test]
async fn a_unix_socket_serves_as_well() {
    let server = RedisServer::with(&["--unixsocket", "redis.sock"]);
    let guest = World::of_store(redis(format!("redis+unix://{}/2", server.socket().display()))).trusted_guest();
    assert_eq!(guest.http("redis", "PUT", "/k", "v").await, told(204, "", ""));
    let mut client = server.client();
    let () = redis::cmd("SELECT").arg(2).query(&mut client).unwrap();
    assert_eq!(redis::cmd("GET").arg("k").query::<String>(&mut client).unwrap(), "v");
}

#[tokio::test]
async fn a_socket_that_is_not_there_refuses() {
    let folder = TempDir::new().unwrap();
    let guest = guest_of(patient(format!("redis+unix://{}/none.sock", folder.path().display())));
    assert_eq!(guest.http("redis", "GET", "/k", "").await, told(502, "refused", ""));
}

#[tokio::test]
async fn a_server_that_wants_a_password_gets_the_one_in_the_file() {
    let server = RedisServer::with(&["--requirepass", "s3cret"]);
    let folder = TempDir::new().unwrap();
    let mut settings = patient(server.url());
    assert_eq!(guest_of(settings.clone()).http("redis", "GET", "/k", "").await, told(502, "noauth", ""));

    settings.password_file = Some(write_password(folder.path(), "wrong"));
    let guest = guest_of(settings.clone());
    for _ in 0..20 {
        // The reason stays visible: no breaker hides it.
        assert_eq!(guest.http("redis", "GET", "/k", "").await, told(502, "noauth", ""));
    }

    write_password(folder.path(), "s3cret");
    assert_eq!(guest_of(settings).http("redis", "PUT", "/k", "v").await, told(204, "", ""));
    // The store with the wrong password reads the file again, too.
    let back = async {
        while guest.http("redis", "GET", "/k", "").await != told(200, "", "v") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), back).await.expect("it is let in");
}

#[tokio::test]
async fn an_acl_user_may_do_what_it_may() {
    let server = RedisServer::start();
    let mut client = server.client();
    let rules = ["SETUSER", "team", "on", ">s3cret", "~team:*", "-@all", "+get", "+set"];
    let () = redis::cmd("ACL").arg(&rules).query(&mut client).unwrap();
    let folder = TempDir::new().unwrap();
    let mut settings = patient(server.url());
    settings.username = Some("team".to_owned());
    settings.password_file = Some(write_password(folder.path(), "s3cret"));
    let guest = guest_of(settings);
    assert_eq!(guest.http("redis", "PUT", "/team:k", "v").await, told(204, "", ""));
    assert_eq!(guest.http("redis", "GET", "/team:k", "").await, told(200, "", "v"));
    assert_eq!(guest.http("redis", "GET", "/other", "").await, told(502, "noauth", ""));
    assert_eq!(guest.http("redis", "DELETE", "/team:k", "").await, told(502, "noauth", ""));

    let in_url = server.url().replace("redis://", "redis://team:s3cret@");
    assert_eq!(guest_of(patient(in_url)).http("redis", "GET", "/team:k", "").await, told(200, "", "v"));
}

#[tokio::test]
async fn a_missing_password_file_is_said() {
    let mut settings = patient("redis://127.0.0.1:1".to_owned());
    settings.password_file = Some("/nowhere/password".into());
    let error = guest_of(settings).state("redis", "k").await.unwrap_err();
    assert!(error.to_string().contains("`/nowhere/password`"), "{error}");
}
