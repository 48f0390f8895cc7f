//! Who else decides whether a kept answer serves, through the front door: a sentence encoder from disk, and a judge that
//! tells the truth, babbles, hangs, fails or lies.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    client::Call,
    model_cache::{ask, body, cache, counting, rows},
    vendor::{Reply, Vendor, dialect},
    world::{World, one_backend},
};

const JUDGED: &str = "
backends:
  - { id: one, kind: openai, url: \"vendor://one/v1\", key: sk-backend-canary-0004 }
  - { id: judge, kind: openai, url: \"vendor://judge/v1\", key: sk-backend-canary-0004 }
models: [{ name: m, backend: one }]
cache:
  semantic: { mode: strict, judge: { backend: judge, upstream_model: j, timeout: 300ms, least: 0.3 } }
";

/// Says what the asked prompt wants it to, which no judge should.
async fn judge() -> Vendor {
    Vendor::start(|seen, _| {
        let asked: Value = serde_json::from_slice(&seen.body).expect("JSON");
        assert_eq!((asked["model"].as_str(), asked["temperature"].as_f64()), (Some("j"), Some(0.0)));
        let prompts = asked["messages"][1]["content"].as_str().expect("a text");
        let prompts: Value = serde_json::from_str(prompts).expect("JSON in JSON");
        match prompts["asked"].as_str().expect("what is asked").split(' ').next() {
            Some("Help:") => dialect::chat("YES"),
            Some("Well,") => dialect::chat("No."),
            Some("So,") => dialect::chat("Yes, although it depends"),
            Some("Oh,") => Reply::silence(),
            Some("Ah,") => dialect::openai_error(500, "x"),
            Some("Alas,") => Reply::text(200, "text/html", "<p>yes</p>"),
            _ => dialect::chat("yes"),
        }
    })
    .await
}

#[tokio::test]
async fn a_judge_decides_what_words_do_not_and_only_a_plain_yes_in_time_is_a_hit() {
    let builder = World::builder().config(JUDGED).vendor("one", counting().await).vendor("judge", judge().await);
    let world = builder.start().await;
    assert_eq!(cache(&ask(&world, &body("My password slipped my mind, what then?")).await), "miss");
    let mut found = Vec::new();
    for (text, wanted) in [
        ("Well, a password that nobody remembers, what then?", "miss"),
        ("So, my password vanished from my memory", "miss"),
        ("Oh, this password is gone from my mind", "miss"),
        ("Ah, my mind has lost its password", "miss"),
        ("Alas, my password is nowhere in my mind", "miss"),
        ("The password is not in my mind any longer", "miss"),
    ] {
        found.push((text, cache(&ask(&world, &body(text)).await).to_owned(), wanted));
    }
    assert!(found.iter().all(|(_, is, should)| is == should), "{found:?}");
    let before = world.vendor("judge").count();
    let hit = ask(&world, &body("I cannot think of my password, it slipped my mind!")).await;
    assert!(world.vendor("judge").count() <= before + 1, "one question to the judge at most");
    assert!(!cache(&hit).is_empty());
}

#[tokio::test]
async fn a_judge_that_says_yes_to_all_is_not_asked_about_numbers_denials_and_quotes() {
    let lying = Vendor::always(dialect::chat("YES")).await;
    let builder = World::builder().config(JUDGED).vendor("one", counting().await).vendor("judge", lying);
    let world = builder.start().await;
    ask(&world, &body("How long do I boil 3 eggs?")).await;
    for other in ["How long should 4 eggs be boiled?", "How long do I not boil 3 eggs?", "Say \"boil 3 eggs\" slowly"] {
        assert_eq!(cache(&ask(&world, &body(other)).await), "miss", "{other}");
    }
    assert_eq!(world.vendor("judge").count(), 0);
    let served = ask(&world, &body("Boiling time for 3 eggs?")).await;
    assert!(cache(&served).starts_with("semantic; similarity="), "{}", cache(&served));
    assert_eq!(world.vendor("judge").count(), 1);
    assert_eq!(served.json()["choices"][0]["message"]["content"], "answer 1");
    judging_is_in_the_ledger(&world).await;
}

/// What the judge used has a row and a line in reports, on nobody's account.
async fn judging_is_in_the_ledger(world: &World) {
    let rows: Vec<Value> = rows(world, 6).await.into_iter().filter(|row| row["operation"] == "cache.judge").collect();
    let facts = |row: &Value| {
        json!([row["subscription"], row["upstream_model"], row["backend"], row["total_tokens"], row["certainty"]])
    };
    assert_eq!(rows.iter().map(facts).collect::<Vec<_>>(), [json!([null, "j", "judge", 18, "exact"])], "{rows:?}");
    let call = Call::get("/admin/v1/reports/by-backend?from=2020-01-01&to=2100-01-01");
    let lines = world.admin(call).await.expect(200).json();
    let line = lines["items"].as_array().expect("a list").iter().find(|line| line["backend"] == "judge").cloned();
    let line = line.unwrap_or_else(|| panic!("no line of the judge: {lines}"));
    assert_eq!((&line["calls"], &line["total_tokens"]), (&json!(1), &json!(18)), "{line}");
}

const WORDS: [&str; 7] = ["[CLS]", "[SEP]", "[UNK]", "a", "cat", "feline", "dog"];

/// An encoder of one layer that hears `cat` and `feline` as one word.
fn write_encoder(folder: &Path) {
    const WIDTH: usize = 4;
    let mut vectors = vec![[0.0_f32; WIDTH]; WORDS.len()];
    (vectors[4], vectors[5], vectors[6]) = ([3.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]);
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), WIDTH], vectors.concat()),
        ("embeddings.position_embeddings.weight".to_owned(), vec![140, WIDTH], vec![0.0; 140 * WIDTH]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, WIDTH], vec![0.0; 2 * WIDTH]),
    ];
    for linear in [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ] {
        let name = format!("encoder.layer.0.{linear}");
        tensors.push((format!("{name}.weight"), vec![WIDTH, WIDTH], vec![0.0; WIDTH * WIDTH]));
        tensors.push((format!("{name}.bias"), vec![WIDTH], vec![0.0; WIDTH]));
    }
    for norm in
        ["embeddings.LayerNorm", "encoder.layer.0.attention.output.LayerNorm", "encoder.layer.0.output.LayerNorm"]
    {
        tensors.push((format!("{norm}.weight"), vec![WIDTH], vec![1.0; WIDTH]));
        tensors.push((format!("{norm}.bias"), vec![WIDTH], vec![0.0; WIDTH]));
    }
    let (mut head, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, floats) in tensors {
        let start = data.len();
        data.extend(floats.iter().flat_map(|float| float.to_le_bytes()));
        head.insert(name, json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let head = Value::Object(head).to_string();
    let mut file = (head.len() as u64).to_le_bytes().to_vec();
    file.extend(head.as_bytes());
    file.extend(data);
    fs::write(folder.join("model.safetensors"), file).expect("written");
    let config = json!({"num_attention_heads": 2, "num_hidden_layers": 1});
    fs::write(folder.join("config.json"), config.to_string()).expect("written");
    write_words(folder, WORDS);
}

fn write_words(folder: &Path, words: [&str; 7]) {
    let vocabulary: Value = words.iter().zip(0..).map(|(word, at)| ((*word).to_owned(), json!(at))).collect();
    let tokenizer = json!({"model": {"vocab": vocabulary}});
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("written");
}

fn encoded(folder: &Path) -> String {
    let embeddings = format!("{{ model: \"{}\", timeout: 10s }}", folder.display());
    one_backend("openai")
        + &format!("cache: {{ semantic: {{ mode: threshold-only, threshold: 0.9, embeddings: {embeddings} }} }}\n")
}

#[tokio::test]
async fn an_encoder_from_disk_says_what_prompts_mean_and_a_broken_one_is_refused_with_its_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    write_encoder(folder.path());
    let config = encoded(folder.path());
    let mut world = World::builder().config(&config).vendor("one", counting().await).start().await;
    for (text, wanted) in [("a cat", "miss"), ("a feline", "semantic; similarity=1.00"), ("a dog", "miss")] {
        assert_eq!(cache(&ask(&world, &body(text)).await), wanted, "{text}");
    }
    fs::write(folder.path().join("config.json"), "{}").expect("written");
    let refused = world.reload(&config).await.expect_err("a broken encoder");
    assert!(
        refused.contains("cache.semantic.embeddings.model") && refused.contains("num_attention_heads"),
        "{refused}"
    );
    let refused = world.reload(&encoded(Path::new("/nowhere"))).await.expect_err("no encoder");
    assert!(refused.contains("`/nowhere` holds no sentence encoder: config.json cannot be read"), "{refused}");
    assert_eq!(cache(&ask(&world, &body("feline")).await), "semantic; similarity=1.00", "the old one is still in use");
}

#[tokio::test]
async fn a_changed_embedding_model_starts_a_new_index() {
    let folder = tempfile::tempdir().expect("a folder");
    write_encoder(folder.path());
    let config = encoded(folder.path());
    let mut world = World::builder().config(&config).vendor("one", counting().await).start().await;
    assert_eq!(cache(&ask(&world, &body("a cat")).await), "miss");
    assert_eq!(cache(&ask(&world, &body("a feline")).await), "semantic; similarity=1.00");
    // The same weights, but now it is `dog` that has the vector of a cat.
    write_words(folder.path(), ["[CLS]", "[SEP]", "[UNK]", "a", "feline", "dog", "cat"]);
    world.reload(&config).await.expect("an encoder");
    for (text, wanted) in [("a dog", "miss"), ("a feline", "semantic; similarity=1.00"), ("a cat", "hit")] {
        let answer = ask(&world, &body(text)).await;
        assert_eq!(cache(&answer), wanted, "{text}");
        let number = if text == "a cat" { "answer 1" } else { "answer 2" };
        assert_eq!(answer.json()["choices"][0]["message"]["content"], number, "{text}");
    }
    // And one of another width, from elsewhere.
    world
        .reload(&config.replace(&format!("{{ model: \"{}\", timeout: 10s }}", folder.path().display()), "builtin"))
        .await
        .expect("the model inside");
    assert_eq!(cache(&ask(&world, &body("the feline of a dog")).await), "miss");
    assert_eq!(cache(&ask(&world, &body("a dog")).await), "hit", "the same words need no vector");
}
