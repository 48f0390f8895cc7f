//! The fake vendors and the raw client tested against each other and against hyper: a lie must arrive as told.

use serde_json::json;

use crate::{
    client::{Call, End},
    vendor::{Gate, Reply, Vendor, dialect},
};

#[tokio::test]
async fn requests_are_recorded_byte_for_byte() {
    let vendor = Vendor::always(Reply::json(201, &json!({"ok": true})).header("x-a", "b")).await;
    let answer = Call::post("/x?y=1", &json!({"n": 1})).header("X-Mixed", "Case").send(vendor.addr).await;
    let answer = answer.expect_whole(201);
    assert_eq!(answer.json(), json!({"ok": true}));
    assert_eq!(answer.header("x-a"), Some("b"));
    let seen = vendor.only();
    assert_eq!((seen.line().as_str(), seen.text().as_str()), ("POST /x?y=1", r#"{"n":1}"#));
    assert!(seen.contains("X-Mixed: Case"));
}

#[tokio::test]
async fn pieces_arrive_when_their_gate_opens() {
    let gate = Gate::closed();
    let vendor = Vendor::always(Reply::events(["one", "two"]).hold(1, &gate).trailer("x-end", "yes")).await;
    let mut open = Call::get("/").open(vendor.addr).await;
    assert_eq!(open.piece().await.as_deref(), Some(b"one".as_slice()));
    gate.open();
    let answer = open.finish().await.expect_whole(200);
    assert_eq!(answer.text(), "onetwo");
    assert_eq!(answer.trailers, [("x-end".to_owned(), "yes".to_owned())]);
}

#[tokio::test]
async fn broken_answers_end_broken() {
    for reply in [
        Reply::events(["one", "two"]).cut(1),
        Reply::events(["one", "two"]).broken(1),
        Reply::text(200, "text/plain", "0123456789").cut(3),
    ] {
        let vendor = Vendor::always(reply).await;
        let answer = Call::get("/").send(vendor.addr).await;
        assert_eq!((answer.status, answer.end), (200, End::Cut));
    }
    for reply in [Reply::hang_up(), Reply::reset()] {
        let vendor = Vendor::always(reply).await;
        assert_eq!(Call::get("/").send(vendor.addr).await.status, 0);
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let vendor = Vendor::always(Reply::events(["one", "two"]).stalled(1)).await;
    let mut open = Call::get("/").open(vendor.addr).await;
    assert!(open.until_text("one").await);
    drop(open);
    vendor.abandoned(1).await;
}

#[tokio::test]
async fn compressed_answers_read_back_with_a_real_decoder() {
    let pieces = dialect::chat_events(&["a", "b"], true);
    let whole = pieces.concat();
    for coding in ["gzip", "deflate"] {
        let vendor = Vendor::always(Reply::events(pieces.clone()).encoded(coding)).await;
        let answer = Call::get("/").send(vendor.addr).await.expect_whole(200);
        let mut text = Vec::new();
        let mut reader: Box<dyn std::io::Read> = match coding {
            "gzip" => Box::new(flate2::read::GzDecoder::new(answer.body.as_slice())),
            _ => Box::new(flate2::read::ZlibDecoder::new(answer.body.as_slice())),
        };
        reader.read_to_end(&mut text).expect(coding);
        assert_eq!(text, whole, "{coding}");
    }
}
