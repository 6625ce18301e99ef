//! Commands and their replies, against a real server.

use outrigger_dispatch::Store;

use crate::server::RedisServer;
use crate::support::{World, everything, patient, redis, told};

#[tokio::test]
async fn a_guest_keeps_state_in_redis_over_http() {
    let server = RedisServer::start();
    let guest = World::of_store(redis(server.url())).trusted_guest();
    let http = async |method: &str, path: &str, body: &'static str| guest.http("redis", method, path, body).await;
    assert_eq!(http("GET", "/book1", "").await, told(404, "", ""));
    assert_eq!(http("PUT", "/book1", "100").await, told(204, "", ""));
    assert_eq!(http("PUT", "/book1?nx", "7").await, told(409, "", ""));
    assert_eq!(http("GET", "/book1", "").await, told(200, "", "100"));
    assert_eq!(http("HEAD", "/book1", "").await, told(200, "", ""));
    assert_eq!(http("HEAD", "/book2", "").await, told(404, "", ""));
    assert_eq!(http("POST", "/book1?incr=-30", "").await, told(200, "", "70"));
    assert_eq!(http("POST", "/book1?expire=60", "").await, told(204, "", ""));
    assert_eq!(http("POST", "/book2?expire=60", "").await, told(404, "", ""));
    assert_eq!(http("DELETE", "/book1", "").await, told(204, "", ""));
    assert_eq!(http("DELETE", "/book1", "").await, told(404, "", ""));
    assert_eq!(http("PUT", "/a%2fb%00?ex=60", "x").await, told(204, "", ""));
    let mut client = server.client();
    assert_eq!(redis::cmd("TTL").arg("a/b\0").query::<i64>(&mut client), Ok(60));
}

#[tokio::test]
async fn commands_answer_as_json() {
    let server = RedisServer::start();
    let guest = World::of_store(redis(server.url())).trusted_guest();
    let json = async |words: &[&str]| {
        let told = guest.command(words).await;
        assert_eq!(told.status, 200, "{words:?} {told:?}");
        String::from_utf8(told.body.to_vec()).unwrap()
    };
    assert_eq!(json(&["ping"]).await, r#"{"result":"PONG"}"#);
    assert_eq!(json(&["SET", "k", "1"]).await, r#"{"result":"OK"}"#);
    assert_eq!(json(&["GET", "missing"]).await, r#"{"result":null}"#);
    assert_eq!(json(&["incrby", "k", "41"]).await, r#"{"result":42}"#);
    assert_eq!(json(&["INCRBYFLOAT", "k", "0.5"]).await, r#"{"result":"42.5"}"#);
    assert_eq!(json(&["RPUSH", "list", "a", "b"]).await, r#"{"result":2}"#);
    assert_eq!(json(&["LRANGE", "list", "0", "-1"]).await, r#"{"result":["a","b"]}"#);
    assert_eq!(json(&["HSET", "hash", "f", "v"]).await, r#"{"result":1}"#);
    assert_eq!(json(&["HGETALL", "hash"]).await, r#"{"result":["f","v"]}"#);
    assert_eq!(json(&["ZADD", "scores", "1.5", "m"]).await, r#"{"result":1}"#);
    assert_eq!(json(&["ZSCORE", "scores", "m"]).await, r#"{"result":"1.5"}"#);
    assert_eq!(json(&["MGET", "k", "list", "missing"]).await, r#"{"result":["42.5",null,null]}"#);
    guest.http("redis", "PUT", "/bytes", &b"\xff\x00"[..]).await;
    assert_eq!(json(&["GET", "bytes"]).await, r#"{"result":{"base64":"/wA="}}"#);
}

#[tokio::test]
async fn the_servers_errors_have_their_reasons() {
    let server = RedisServer::start();
    let guest = World::of_store(redis(server.url())).trusted_guest();
    let refused = async |words: &[&str]| {
        let told = guest.command(words).await;
        (told.status, told.reason)
    };
    guest.command(&["RPUSH", "list", "a"]).await;
    assert_eq!(refused(&["GET", "list"]).await, (502, "wrongtype".to_owned()));
    assert!(guest.state("redis", "list").await.is_err());
    assert_eq!(refused(&["INCR", "list", "2"]).await, (502, "other".to_owned()));

    let mut client = server.client();
    let () = redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).query(&mut client).unwrap();
    assert_eq!(refused(&["SET", "k", "v"]).await, (502, "oom".to_owned()));
    let () = redis::cmd("CONFIG").arg(&["SET", "maxmemory", "0"]).query(&mut client).unwrap();

    let () = redis::cmd("REPLICAOF").arg(&["127.0.0.1", "1"]).query(&mut client).unwrap();
    assert_eq!(refused(&["SET", "k", "v"]).await, (502, "readonly".to_owned()));
    let () = redis::cmd("REPLICAOF").arg(&["NO", "ONE"]).query(&mut client).unwrap();
    // The server works, whatever it refused: the breaker has not opened.
    assert_eq!(guest.command(&["SET", "k", "v"]).await.status, 200);
}

#[tokio::test]
async fn a_key_prefix_stands_before_every_key_and_nowhere_else() {
    let server = RedisServer::start();
    let store = Store::redis("redis", "team:", patient(server.url())).unwrap();
    let world = World::of_store(store);
    let guest = world.trusted_guest();
    guest.http("redis", "PUT", "/a", "1").await;
    guest.command(&["MSET", "b", "2", "c", "3"]).await;
    assert_eq!(guest.command(&["MGET", "a", "b", "c"]).await.body, r#"{"result":["1","2","3"]}"#);
    assert_eq!(guest.state("redis", "a").await.unwrap(), "1");
    assert_eq!(guest.command(&["PING", "text"]).await.body, r#"{"result":"text"}"#);
    let mut client = server.client();
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut client).unwrap();
    keys.sort();
    assert_eq!(keys, ["team:a", "team:b", "team:c"]);

    let mut policy = everything();
    policy.extra_commands = vec!["KEYS".to_owned()];
    assert_eq!(world.guest(policy).command(&["KEYS", "*"]).await, told(403, "denied", ""));
}

#[tokio::test]
async fn a_reply_over_the_limit_fails_and_the_store_works_on() {
    let server = RedisServer::start();
    let mut settings = patient(server.url());
    settings.max_reply = 1000;
    let guest = World::of_store(Store::redis("redis", "", settings).unwrap()).trusted_guest();
    let largest = "x".repeat(1000 - "$991\r\n\r\n".len());
    guest.http("redis", "PUT", "/fits", largest.clone()).await;
    guest.http("redis", "PUT", "/large", format!("{largest}xxxxxxxxxx")).await;
    assert_eq!(guest.http("redis", "GET", "/fits", "").await, told(200, "", largest));
    assert_eq!(guest.http("redis", "GET", "/large", "").await, told(502, "other", ""));
    let back = async {
        while guest.http("redis", "HEAD", "/large", "").await != told(200, "", "") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), back).await.expect("it comes back");
}
