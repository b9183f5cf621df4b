//! A plain client of `graphql-transport-ws`.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use onrecord::{event::EventId, ledger::Submission};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, client::IntoClientRequest as _};

pub struct Socket(pub WebSocket<TcpStream>);

impl Socket {
    /// Connects, offering these sub-protocols.
    pub fn connect(address: SocketAddr, protocols: Option<&'static str>) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream, address, protocols)
    }

    /// The same over a connection that is open.
    pub fn over(stream: TcpStream, address: SocketAddr, protocols: Option<&'static str>) -> Self {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        if let Some(protocols) = protocols {
            request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        }
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        Self(socket)
    }

    /// Connects and is acknowledged.
    pub fn open(address: SocketAddr) -> Self {
        Self::connect(address, Some("graphql-transport-ws")).acknowledged()
    }

    /// Begins the protocol.
    pub fn acknowledged(mut self) -> Self {
        self.send(&json!({"type": "connection_init"}));
        assert_eq!(self.message(), json!({"type": "connection_ack"}));
        self
    }

    pub fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    pub fn subscribe(&mut self, id: &str, query: &str, variables: &Value) {
        let payload = json!({"query": query, "variables": variables});
        self.send(&json!({"type": "subscribe", "id": id, "payload": payload}));
    }

    /// The next message.
    pub fn message(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    /// The next message, which is a result; its payload.
    pub fn next(&mut self, id: &str) -> Value {
        let mut message = self.message();
        assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!(id)), "{message}");
        message["payload"].take()
    }

    /// The next message, which is an error; the first of its errors.
    pub fn error(&mut self, id: &str) -> Value {
        let mut message = self.message();
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message}");
        message["payload"][0].take()
    }

    /// The result of a query or mutation.
    pub fn single(&mut self, id: &str, query: &str, variables: &Value) -> Value {
        self.subscribe(id, query, variables);
        let payload = self.next(id);
        assert_eq!(self.message(), json!({"type": "complete", "id": id}));
        payload
    }

    /// Records submissions. Gives id and index of each, or nothing if the server is gone.
    pub fn record(&mut self, submissions: &[Submission]) -> Option<Vec<(EventId, u64)>> {
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().to_owned();
        let inputs: Vec<Value> = submissions
            .iter()
            .map(|s| json!({"note": text(&s.note), "content": s.content.as_deref().map(text)}))
            .collect();
        let query = "mutation($s: [SubmissionInput!]!) { record(input: {submissions: $s}) {
            results { receipt { index eventId } userErrors { code message } } userErrors { code message } } }";
        let payload = json!({"query": query, "variables": {"s": inputs}});
        let message = json!({"type": "subscribe", "id": "record", "payload": payload});
        self.0.send(Message::text(message.to_string())).ok()?;
        let mut receipts = None;
        while let Ok(message) = self.0.read() {
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["type"] == "complete" {
                return receipts;
            }
            let results = message["payload"]["data"]["record"]["results"].as_array();
            let one = |r: &Value| {
                (
                    r["receipt"]["eventId"].as_str().unwrap().parse().unwrap(),
                    r["receipt"]["index"].as_u64().unwrap(),
                )
            };
            receipts = Some(results.unwrap_or_else(|| panic!("{message}")).iter().map(one).collect());
        }
        None
    }

    /// How the server closes the connection, whatever it sends before.
    pub fn closed(mut self) -> (u16, String) {
        loop {
            match self.0.read() {
                Ok(Message::Close(Some(frame))) => {
                    let said = (u16::from(frame.code), frame.reason.as_str().to_owned());
                    // The server ends the connection once it has our close.
                    while self.0.read().is_ok() {}
                    return said;
                }
                Ok(Message::Close(None)) => panic!("closed without a code"),
                Ok(_) => {}
                Err(error) => panic!("broken without a close: {error}"),
            }
        }
    }
}
