//! What goes over the wire, to the byte: the requests that `docs/provider.md` describes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tryon::job::{ExternalTaskId, Keep, ModelName, TaskId};
use tryon::provider::{
    CreateFate, Ids, ListAnswer, Picture, Provider, QueryAnswer, SolutionsProvider, Submission, Timeouts,
};

const SECOND: Duration = Duration::from_secs(5);

/// What a request was: its first line, its `Authorization`, its body.
struct Seen {
    line: String,
    key: String,
    body: Value,
}

/// Answers one request.
fn answering(answer: &Value) -> (String, JoinHandle<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let answer = answer.to_string();
    let served = std::thread::spawn(move || serve(listener.accept().expect("a client").0, &answer));
    (url, served)
}

fn serve(mut stream: TcpStream, answer: &str) -> Seen {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let (mut line, mut key, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut line).expect("a line");
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut key),
            "content-length" => length = value.parse().expect("a number"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length";
    write!(stream, "{head}: {}\r\n\r\n{answer}", answer.len()).expect("answered");
    Seen { line: line.trim().to_owned(), key, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
}

fn client(url: &str) -> SolutionsProvider {
    let timeouts = Timeouts { connect: SECOND, idle: SECOND, request: SECOND };
    SolutionsProvider::new(url, "k-123456789".to_owned().into(), timeouts).expect("a client")
}

#[tokio::test]
async fn a_create_asks_for_what_the_job_asks_for() {
    let three = ModelName::parse(ModelName::THREE).expect("a model");
    let picture = |name: &str| Picture::Url(format!("https://shop.example/{name}.webp?sig=a&b"));
    let (human, cloth) = (picture("ana"), picture("shirt"));
    let external_id = ExternalTaskId("mine".to_owned());
    for (keep, callback) in
        [(Keep::ALL, None), (Keep { face: true, pose: false, background: false }, Some("https://me.example/x"))]
    {
        let (url, served) =
            answering(&json!({"code": 0, "data": {"task_id": "t", "status": "submitted", "external_id": "mine"}}));
        let mut client = client(&url);
        callback.into_iter().for_each(|url| client.ask_for_callbacks(url));
        let submission = Submission { model: &three, human: &human, cloth: &cloth, keep, external_id: &external_id };
        let fate = client.create(submission).await;
        assert!(matches!(&fate, CreateFate::Accepted { task_id, echoed: true, .. } if task_id.0 == "t"), "{fate:?}");
        let seen = served.join().expect("served");
        assert_eq!(seen.line, "POST /solutions/virtual_try_on HTTP/1.1");
        assert_eq!(seen.key, "Bearer k-123456789");
        let mut wanted = json!({
            "contents": [
                {"type": "product_image", "url": "https://shop.example/shirt.webp?sig=a&b"},
                {"type": "person_image", "url": "https://shop.example/ana.webp?sig=a&b"},
            ],
            "settings": {"keep_face": keep.face, "keep_pose": keep.pose, "keep_background": keep.background},
            "options": {"external_task_id": "mine", "watermark": {"enabled": false}},
        });
        if let Some(url) = callback {
            wanted["options"]["callback_url"] = json!(url);
        }
        assert_eq!(seen.body, wanted);
    }
}

#[tokio::test]
async fn a_question_names_all_its_tasks_or_one_of_ours() {
    let ids: Vec<TaskId> = ["1", "2", "3"].map(|id| TaskId(id.to_owned())).into();
    let ours = ExternalTaskId("my name & more".to_owned());
    let asked = async |ids: Ids<'_>| {
        let (url, served) = answering(&json!({"code": 0, "data": []}));
        let answer = client(&url).query(ids).await;
        assert!(matches!(answer, QueryAnswer::Told(_)), "{answer:?}");
        served.join().expect("served").line
    };
    assert_eq!(asked(Ids::Tasks(&ids)).await, "GET /solutions?task_ids=1%2C2%2C3 HTTP/1.1");
    assert_eq!(asked(Ids::External(&ours)).await, "GET /solutions?external_task_ids=my+name+%26+more HTTP/1.1");
}

#[tokio::test]
async fn a_list_is_asked_for_by_time_and_then_by_cursor() {
    let page = json!({"code": 0, "data": {"result": [{"id": "1", "status": "succeed"}], "next_cursor": "c/1", "has_more": true}});
    let (url, served) = answering(&page);
    let answer = client(&url).list(None, 60).await;
    let ListAnswer::Page { tasks, next } = answer else { panic!("{answer:?}") };
    assert_eq!((tasks.len(), next.as_deref()), (1, Some("c/1")));
    let seen = served.join().expect("served");
    assert_eq!((seen.line.as_str(), &seen.body["limit"]), ("POST /solutions HTTP/1.1", &json!(60)));
    assert!(seen.body["start_time"].as_u64() < seen.body["end_time"].as_u64());
    let (url, served) = answering(&json!({"code": 0, "data": {"result": []}}));
    client(&url).list(Some("c/1"), 60).await;
    assert_eq!(served.join().expect("served").body, json!({"cursor": "c/1"}));
}
