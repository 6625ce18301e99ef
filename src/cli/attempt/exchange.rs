//! The one exchange: the request that the command line describes, and its way through the chain.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chain::{Body, Connection, Exchange, Failure, Next, Request, Response};
use function::Version;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http::uri::{Authority, Scheme, Uri};
use http::{Method, response};

use super::world::World;
use crate::cli::arguments::Try;

/// How long the whole exchange may take: a function that holds its request for good is told so.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the exchange ended.
pub(super) struct Ended {
    pub(super) exchange: Arc<Exchange>,
    /// The answer with its body, if there is one.
    pub(super) answer: Option<(response::Parts, Bytes)>,
    /// Why there is no answer, or not all of it.
    pub(super) failure: Option<String>,
}

/// Sends the request through the chain and waits for the end of the exchange, its last callbacks included.
pub(super) async fn run(world: &World, tried: &Version, arguments: &Try) -> Ended {
    let request = request(arguments);
    let exchange = Arc::clone(&request.exchange);
    let answered = answer(&exchange, Next::new(world.chain(tried)).run(request));
    let (answer, failure) = tokio::time::timeout(PATIENCE, answered).await.unwrap_or_else(|_| {
        let held =
            format!("no answer came within {PATIENCE:?}: the function holds the exchange, and nothing resumes it");
        (None, Some(held))
    });
    Arc::clone(&exchange).finish().await;
    Ended { exchange, answer, failure }
}

type Answer = (Option<(response::Parts, Bytes)>, Option<String>);

async fn answer(exchange: &Arc<Exchange>, chain: impl Future<Output = Result<Response, Failure>>) -> Answer {
    let response = tokio::select! {
        response = exchange.run(chain) => response,
        reason = exchange.until_reset() => Err(Failure::Reset(reason)),
    };
    let failure = match response {
        Ok(response) => match gather(exchange, response).await {
            Ok(answer) => return answer,
            Err(failure) => failure,
        },
        Err(failure) => failure,
    };
    if matches!(failure, Failure::Reset(_) | Failure::ClientGone) {
        return (None, Some(failure.to_string()));
    }
    match gather(exchange, failure.into_response(exchange)).await {
        Ok(answer) => answer,
        Err(failure) => (None, Some(failure.to_string())),
    }
}

/// Reads the body. A failure before its first byte can still be answered for, as in a sidecar; it is the `Err`.
async fn gather(exchange: &Exchange, response: Response) -> Result<Answer, Failure> {
    let Response { head, mut body } = response;
    let (mut whole, mut failure, mut begun) = (BytesMut::new(), None, false);
    exchange
        .run(async {
            while let Some(frame) = body.frame().await {
                match frame.map(chain::Frame::into_data) {
                    Ok(Ok(data)) => whole.extend_from_slice(&data),
                    Ok(Err(_trailers)) => {}
                    Err(error) if begun => {
                        failure = Some(format!("the response broke off: {error}"));
                        break;
                    }
                    Err(error) => return Err(error),
                }
                begun = true;
            }
            Ok(())
        })
        .await?;
    exchange.park(|parked| parked.response = Some(head.clone()));
    Ok((Some((head, whole.freeze())), failure))
}

fn request(arguments: &Try) -> Request {
    let mut message = http::Request::new(());
    let body = arguments.data.clone().map(Bytes::from);
    let implied = if body.is_some() { Method::POST } else { Method::GET };
    *message.method_mut() = arguments.method.clone().unwrap_or(implied);
    for (name, value) in &arguments.headers {
        message.headers_mut().append(name.clone(), value.clone());
    }
    let host = message.headers_mut().remove(HOST);
    *message.uri_mut() = with_authority(&arguments.url, host.as_ref());
    if let Some(body) = body.as_ref().filter(|body| !body.is_empty()) {
        message.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(body.len()));
    }
    let (head, ()) = message.into_parts();
    let exchange = Exchange::new(connection(), None, &head);
    Request { head, body: Body::full(body.unwrap_or_default()), exchange }
}

/// A listener puts `host` into the URI's authority; so does this.
fn with_authority(url: &Uri, host: Option<&HeaderValue>) -> Uri {
    let host = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let authority = url.authority().cloned().or(host).unwrap_or(Authority::from_static("localhost"));
    let path = url.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(path).build();
    uri.unwrap_or_default()
}

fn connection() -> Arc<Connection> {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Arc::new(Connection { id: 1, listener: Arc::from("try"), peer: nowhere, local: nowhere })
}

/// Reads `NAME: VALUE` of `-H`.
pub(in crate::cli) fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write `NAME: VALUE`")?;
    let name = name.trim().parse().map_err(|_| format!("`{}` is not the name of a header", name.trim()))?;
    let value = value.trim().parse().map_err(|_| format!("`{}` is not the value of a header", value.trim()))?;
    Ok((name, value))
}

/// Reads a URL or a path.
pub(in crate::cli) fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("{error}; write a path as `/books?name=b1`, or a URL"))?;
    let known = matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some();
    if known || text.starts_with('/') {
        Ok(url)
    } else {
        Err("write a path as `/books?name=b1`, or an http URL".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_that_of_the_url_else_of_the_host_header() {
        let host = HeaderValue::from_static("shop.test:81");
        for (text, host, expected) in [
            ("/books?name=b1", None, "http://localhost/books?name=b1"),
            ("/", Some(&host), "http://shop.test:81/"),
            ("https://app.test/a", Some(&host), "http://app.test/a"),
        ] {
            assert_eq!(with_authority(&url(text).unwrap(), host).to_string(), expected);
        }
    }

    #[test]
    fn what_is_neither_a_path_nor_an_http_url_is_refused() {
        for text in ["books", "ftp://app.test/", "*", "http://", "/a b"] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let (name, value) = header("X-User:  Ada: the first ").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-user", "Ada: the first"));
        for text in ["x-user", ": Ada", "x user: Ada", "x-user: a\nb"] {
            assert!(header(text).is_err(), "{text:?}");
        }
    }
}
