//! Functions in the manner of Layotto.

use super::{Chain, function, functions, told};
use crate::support::{Backend, Redis};

#[tokio::test]
async fn function_1() {
    let sidecar = functions(&(function("function_1", "id_1") + &function("function_2", "id_2"))).await;
    for (book, answer) in [("book1", "There are 100 inventories for book1."), ("b", "There are no inventories for b.")]
    {
        assert_eq!(told(&sidecar.call("id_1", &format!("/?name={book}")).await), (200, answer.into()));
    }
    let reply = sidecar.call("id_1", "/?nobody").await;
    assert_eq!(told(&reply), (200, "Which book? Send its name: ?name=book1".into()));
}

#[tokio::test]
async fn function_2() {
    let sidecar = functions(&function("function_2", "id_2")).await;
    let reply = sidecar.send("POST", "/", &[("id", "id_2")], b"book1").await;
    assert_eq!(told(&reply), (200, "100".into()));
}

#[tokio::test]
async fn calls_function() {
    let sidecar = functions(&(function("calls_function", "calls_function") + &function("function_2", "id_2"))).await;
    assert_eq!(told(&sidecar.call("calls_function", "/?target=id_2&param=book1").await), (200, "100".into()));
    assert_eq!(told(&sidecar.call("calls_function", "/?target=nobody").await), (200, "failed: 10".into()));
}

#[tokio::test]
async fn state_reader() {
    let redis = Redis::start().await;
    redis.set("book1", "100").await;
    redis.command(&["LPUSH", "list", "a"]).await;
    let app = Backend::echo().await;
    let mut chain = Chain::new("state_reader", "", &app);
    chain.store = format!("redis: {{url: {}}}", redis.url());
    let sidecar = chain.start().await;
    for (key, answer) in [("book1", "book1=100"), ("nothing", "nothing="), ("list", "list failed: 10")] {
        let reply = sidecar.send("POST", "/", &[], key.as_bytes()).await;
        assert_eq!(told(&reply), (200, answer.into()));
    }
}

#[tokio::test]
async fn pauses() {
    let sidecar = functions(&function("pauses", "pauses")).await;
    assert_eq!(told(&sidecar.call("pauses", "/?call").await), (200, "100".into()));
    assert_eq!(sidecar.call("pauses", "/?alone").await.status, 500);
}

#[tokio::test]
async fn tells_configuration() {
    let configured = "  - name: tells_configuration\n    vm_config: {path: GUEST(tells_configuration), configuration: v}\n    \
                      configuration: {a: [1]}\n";
    let sidecar = functions(configured).await;
    let reply = sidecar.call("tells_configuration", "/?x").await;
    assert_eq!(told(&reply), (200, r#"plugin: {"a":[1]}; vm: v"#.into()));
}
