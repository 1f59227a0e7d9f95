//! Places across a network, on real servers: what arrives is looked at by the vendor's own client.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::environment::{Environment, Run, png};
use crate::proxy::Proxy;
use crate::services::{S3, Swift, services};

/// The programs of others that look at the stores.
pub(crate) fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join("target/services/venvs/clients/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/services up", python.display());
    python
}

/// A fresh bucket of an S3 server.
pub(crate) struct Bucket<'s> {
    s3: &'s S3,
    pub(crate) name: String,
}

impl<'s> Bucket<'s> {
    pub(crate) fn new(s3: &'s S3) -> Self {
        let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let bucket = Self { s3, name: format!("cli-{unique}") };
        bucket.ask("c.create_bucket(Bucket=b)");
        bucket
    }

    /// Runs lines of Python with `c`, a client of boto3, and `b`, the bucket; answers what they print.
    pub(crate) fn ask(&self, lines: &str) -> String {
        let script = format!(
            "import sys, json, boto3\nfrom botocore.config import Config\n\
             c = boto3.client('s3', endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2], \
             aws_secret_access_key=sys.argv[3], region_name='us-east-1', \
             config=Config(s3={{'addressing_style': 'path'}}))\nb = sys.argv[4]\n{lines}\n"
        );
        let output = Command::new(python())
            .args(["-c", &script, &self.s3.endpoint_url, &self.s3.access_key, &self.s3.secret_key, &self.name])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, expression: &str) -> Value {
        serde_json::from_str(&self.ask(&format!("print(json.dumps({expression}))"))).unwrap()
    }

    pub(crate) fn get(&self, key: &str, to: &Path) -> Vec<u8> {
        self.ask(&format!("c.download_file(b, {key:?}, {:?})", to.to_str().unwrap()));
        fs::read(to).unwrap()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let keys = self.json("[o['Key'] for o in c.list_objects_v2(Bucket=b).get('Contents', [])]");
        keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    }

    fn run(&self, environment: &Environment, arguments: &str) -> Run {
        self.run_at(&self.s3.endpoint_url, environment, arguments)
    }

    /// Runs the command with the credentials of the server; `BUCKET` in the arguments is this one.
    fn run_at(&self, endpoint: &str, environment: &Environment, arguments: &str) -> Run {
        let arguments = arguments.replace("BUCKET", &self.name);
        let mut command = environment.command(arguments.split_whitespace());
        command.envs(self.variables()).env("AWS_ENDPOINT_URL", endpoint);
        Run::from(command.output().unwrap())
    }

    /// Place and credentials of the server, as its clients look for them.
    pub(crate) fn variables(&self) -> [(&'static str, &'s str); 4] {
        [
            ("AWS_ACCESS_KEY_ID", &self.s3.access_key),
            ("AWS_SECRET_ACCESS_KEY", &self.s3.secret_key),
            ("AWS_REGION", &self.s3.region),
            ("AWS_ENDPOINT_URL", &self.s3.endpoint_url),
        ]
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples")
}

/// The example files, stripped by the command to a local directory.
fn stripped_here(environment: &Environment) -> Vec<(String, Vec<u8>)> {
    let examples = examples();
    environment.run(&format!("strip -q -l id --to here {}", examples.display())).ended(0);
    let names = fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names.map(|name| (name.clone(), environment.read(format!("here/{name}")))).collect();
    files.sort();
    files
}

#[test]
fn a_prefix_is_done_again_and_belongs_to_its_job() {
    for server in [&services().swift, &services().rgw] {
        let (environment, bucket) = (Environment::new(), Bucket::new(&server.s3));
        environment.write("in/a.png", png(&[("id", "8888"), ("owner", "Ann")]));
        environment.write("in/sub/b c.png", png(&[("owner", "Ann")]));
        let line = "strip --json --ordered -l id --to s3://BUCKET/out/ --if-exists skip in";
        let rows = |committed: &str| {
            let lines = bucket.run(&environment, line).ended(0).json();
            let row = |line: &Value| {
                assert_eq!(line["committed"], committed, "{line}");
                ["path", "output", "outcome", "removed", "plan_digest", "bytes_out"].map(|column| line[column].clone())
            };
            lines.iter().filter(|line| line["type"] == "file").map(row).collect::<Vec<_>>()
        };
        assert_eq!(rows("new"), rows("existing"));
        assert_eq!(bucket.keys(), ["out/_job.json", "out/a.png", "out/sub/b c.png"]);
        let refused = bucket.run(&environment, &line.replace("-l id", "-l owner")).ended(2);
        assert!(refused.err().contains("labels differ"), "{refused}");
        // Another result stays, and fails its file only.
        bucket.ask("c.put_object(Bucket=b, Key='out/a.png', Body=b'of another')");
        let failed = bucket.run(&environment, line).ended(1).json();
        assert_eq!((&failed[0]["error_code"], &failed[1]["committed"]), (&"exists".into(), &"existing".into()));
        assert_eq!(bucket.get("out/a.png", &environment.path("back")), b"of another");
        bucket.ask("c.delete_object(Bucket=b, Key='out/a.png')");
        assert_eq!(bucket.run(&environment, line).ended(0).json()[0]["committed"], "new");
        // As an input, what binds the prefix is left out and told.
        let lines = bucket.run(&environment, "strip --json --ordered -l x --to more s3://BUCKET/out/").ended(0).json();
        assert_eq!((&lines[0]["outcome"], &lines[0]["error_code"]), (&"skipped".into(), &"job".into()));
        assert_eq!(lines.last().unwrap()["clean"], 2);
    }
}

#[test]
fn what_lands_in_s3_is_what_is_stripped_here() {
    for server in [&services().swift, &services().rgw] {
        let (environment, bucket) = (Environment::new(), Bucket::new(&server.s3));
        let here = stripped_here(&environment);
        let run =
            bucket.run(&environment, &format!("strip --json -l id --to s3://BUCKET/in/ {}", examples().display()));
        let lines = run.ended(0).json();
        assert_eq!(lines.len(), here.len() + 1);
        for (name, bytes) in &here {
            assert_eq!(&bucket.get(&format!("in/{name}"), &environment.path("back")), bytes, "{name}");
        }
        let delivery = &lines[0]["deliveries"][0];
        assert_eq!(delivery["attempts"], 1);
        assert!(delivery["etag"].as_str().unwrap().len() >= 32);
        assert!(delivery["to"].as_str().unwrap().starts_with(&format!("s3://{}/in/", bucket.name)));

        // And back: each object is an input.
        let run = bucket.run(&environment, "strip -l Project --json --to local s3://BUCKET/in/");
        assert_eq!(run.ended(0).json().len(), here.len() + 1);
        assert!(environment.path("local/report.docx").exists());
        let listed = bucket.run(&environment, "list --json s3://BUCKET/in/report.docx").ended(0).out();
        assert!(listed.contains(r#""Project""#) && !listed.contains("8888"), "{listed}");
    }
}

/// The variables of `swift` and `unlabel` for v1 authentication.
fn with_login<'c>(command: &'c mut Command, server: &Swift) -> &'c mut Command {
    command.env("ST_AUTH", &server.auth_url).env("ST_USER", &server.user).env("ST_KEY", &server.key)
}

#[test]
fn what_lands_in_swift_is_what_is_stripped_here() {
    for server in [&services().swift, &services().rgw] {
        let environment = Environment::new();
        let here = stripped_here(&environment);
        let container = format!("cli-{}", Bucket::new(&services().rgw.s3).name);
        let swift = python().with_file_name("swift");
        let ask = |arguments: &[&str]| {
            let mut command = Command::new(&swift);
            let output = with_login(&mut command, server).arg("-q").args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        ask(&["post", &container]);
        let arguments = format!("strip --json -l id --to swift://{container}/in/ {}", examples().display());
        let mut command = environment.command(arguments.split_whitespace());
        Run::from(with_login(&mut command, server).output().unwrap()).ended(0);
        for (name, bytes) in &here {
            let back = environment.path("back");
            ask(&["download", &container, &format!("in/{name}"), "-o", back.to_str().unwrap()]);
            assert_eq!(&fs::read(back).unwrap(), bytes, "{name}");
        }
    }
}

#[test]
fn an_object_is_stripped_where_it_is_with_what_is_stored_beside_it() {
    let environment = Environment::new();
    let bucket = Bucket::new(&services().rgw.s3);
    let file = environment.write("a.png", png(&[("id", "8888"), ("keep", "1")]));
    bucket.ask(&format!(
        "c.put_object(Bucket=b, Key='a.png', Body=open({:?}, 'rb').read(), ContentType='image/png', \
         CacheControl='max-age=7', Metadata={{'id': '8888', 'owner': 'north', 'mtime': '1'}}, Tagging='id=8888&team=x')",
        file.to_str().unwrap()
    ));
    let listed = bucket.run(&environment, "list --json s3://BUCKET/a.png").ended(0).out();
    for site in ["object-meta:id", "object-tag:id", "object-tag:team", "png:id"] {
        assert!(listed.contains(site), "{site}: {listed}");
    }

    let file = bucket.run(&environment, "strip --json -l id=8888 --in-place s3://BUCKET/a.png").ended(0).file();
    assert_eq!(file["outcome"], "stripped");
    assert_eq!(file["labels"][0]["sites"].as_array().unwrap().len(), 3);
    let head = bucket
        .json("(lambda h: [h['Metadata'], h['ContentType'], h['CacheControl']])(c.head_object(Bucket=b, Key='a.png'))");
    assert_eq!(head, serde_json::json!([{"owner": "north", "mtime": "1"}, "image/png", "max-age=7"]));
    let tags = bucket.json("c.get_object_tagging(Bucket=b, Key='a.png')['TagSet']");
    assert_eq!(tags, serde_json::json!([{"Key": "team", "Value": "x"}]));
    let bytes = bucket.get("a.png", &environment.path("back.png"));
    assert!(!bytes.windows(4).any(|window| window == b"8888"));

    // Again there is nothing to do, and nothing is done.
    let before = bucket.json("c.head_object(Bucket=b, Key='a.png')['LastModified'].isoformat()");
    let file = bucket.run(&environment, "strip --json -l id --in-place s3://BUCKET/a.png").ended(0).file();
    assert_eq!((&file["outcome"], &file["bytes_written"]), (&"clean".into(), &0.into()));
    assert_eq!(bucket.json("c.head_object(Bucket=b, Key='a.png')['LastModified'].isoformat()"), before);
}

/// A package with one long stored member, whose label stands behind it.
fn large_package(path: &Path, len: u64) {
    let mut file = fs::File::create(path).unwrap();
    let custom = br#"<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"><property fmtid="{D5CDD505-2E9C-101B-9397-08002B2CF9AE}" pid="2" name="id"><vt:lpwstr>8888-large</vt:lpwstr></property><property fmtid="{D5CDD505-2E9C-101B-9397-08002B2CF9AE}" pid="3" name="keep"><vt:lpwstr>kept</vt:lpwstr></property></Properties>"#;
    let types = br#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="mp4" ContentType="video/mp4"/><Override PartName="/docProps/custom.xml" ContentType="application/vnd.openxmlformats-officedocument.custom-properties+xml"/></Types>"#;
    let relations = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Target="docProps/custom.xml" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties"/></Relationships>"#;
    let members: [(&str, Option<&[u8]>); 4] = [
        ("[Content_Types].xml", Some(types)),
        ("_rels/.rels", Some(relations)),
        ("ppt/media/media1.mp4", None),
        ("docProps/custom.xml", Some(custom)),
    ];
    let mut directory = Vec::new();
    for (name, content) in members {
        let offset = u32::try_from(file.stream_position().unwrap()).unwrap();
        let (crc, size) = match content {
            Some(content) => (crc32fast::hash(content), u32::try_from(content.len()).unwrap()),
            None => (crc_of_zeros(len), u32::try_from(len).unwrap()),
        };
        let mut fixed = Vec::new();
        fixed.extend_from_slice(&[20, 0, 0, 0, 0, 0, 0, 0, 33, 0]);
        for number in [crc, size, size] {
            fixed.extend_from_slice(&number.to_le_bytes());
        }
        fixed.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        fixed.extend_from_slice(&[0, 0]);
        file.write_all(&[b"PK\x03\x04", fixed.as_slice(), name.as_bytes()].concat()).unwrap();
        match content {
            Some(content) => file.write_all(content).unwrap(),
            None => drop(file.seek(SeekFrom::Current(i64::try_from(len).unwrap())).unwrap()),
        }
        directory.extend_from_slice(
            &[b"PK\x01\x02\x14\x00", fixed.as_slice(), &[0; 10], &offset.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let at = u32::try_from(file.stream_position().unwrap()).unwrap();
    file.write_all(&directory).unwrap();
    let size = u32::try_from(directory.len()).unwrap();
    let end = [&b"PK\x05\x06\0\0\0\0\x04\0\x04\0"[..], &size.to_le_bytes(), &at.to_le_bytes(), &[0, 0]].concat();
    file.write_all(&end).unwrap();
}

fn crc_of_zeros(len: u64) -> u32 {
    let block = vec![0; 1 << 20];
    let mut crc = crc32fast::Hasher::new();
    for _ in 0..len >> 20 {
        crc.update(&block);
    }
    crc.finalize()
}

#[test]
fn a_large_object_is_stripped_without_moving_it() {
    const LEN: u64 = 128 << 20;
    for server in [&services().swift, &services().rgw] {
        let (environment, bucket) = (Environment::new(), Bucket::new(&server.s3));
        large_package(&environment.path("large.pptx"), LEN);
        bucket.run(&environment, "strip -q -l none --to s3://BUCKET/large.pptx large.pptx").ended(0);
        environment.run("strip -q -l id --to here.pptx large.pptx").ended(0);

        let proxy = Proxy::to(&bucket.s3.endpoint_url);
        let endpoint = proxy.url(&bucket.s3.endpoint_url);
        let listed = bucket.run_at(&endpoint, &environment, "list s3://BUCKET/large.pptx").ended(0);
        assert!(listed.out().contains("8888-large"), "{listed}");
        let file = bucket
            .run_at(&endpoint, &environment, "strip --json -l id --in-place s3://BUCKET/large.pptx")
            .ended(0)
            .file();
        assert_eq!(file["outcome"], "stripped");
        let moved = proxy.counts().total();
        if cfg!(target_os = "linux") {
            assert!(moved < 8 << 20, "{moved} bytes went over the wire of {LEN}");
        }
        let back = bucket.get("large.pptx", &environment.path("back.pptx"));
        assert!(back == environment.read("here.pptx"), "the object is not the file that is stripped here");
    }
}

#[test]
fn one_reading_feeds_several_places_and_each_has_its_result() {
    let (environment, bucket) = (Environment::new(), Bucket::new(&services().swift.s3));
    environment.write("in/a.png", png(&[("id", "8888")]));
    let run =
        bucket.run(&environment, "strip --json -l id --to out --to s3://BUCKET/x/ --to s3://no-such-bucket-here/ in");
    let file = run.ended(1).file();
    assert_eq!(file["outcome"], "failed");
    assert!(file["reason"].as_str().unwrap().starts_with("not_found: s3://no-such-bucket-here/a.png: "), "{file}");
    let results: Vec<_> = file["deliveries"].as_array().unwrap().iter().map(|it| it["ok"].as_bool().unwrap()).collect();
    assert_eq!(results, [true, true, false]);
    assert_eq!(environment.read("out/a.png"), bucket.get("x/a.png", &environment.path("back")));
}

#[test]
fn a_source_goes_only_after_every_result_has_come() {
    let (environment, bucket) = (Environment::new(), Bucket::new(&services().swift.s3));
    environment.write("in/a.png", png(&[("id", "8888")]));
    let failed = "strip -l id --delete-source --to s3://BUCKET/x/ --to s3://no-such-bucket-here/ in";
    bucket.run(&environment, failed).ended(1);
    assert!(environment.path("in/a.png").exists());
    bucket.run(&environment, "strip -l id --delete-source --to s3://BUCKET/y/ in").ended(0);
    assert!(!environment.path("in/a.png").exists());
    bucket.run(&environment, "strip -l id --delete-source --to s3://BUCKET/z/ s3://BUCKET/y/").ended(0);
    assert_eq!(bucket.keys(), ["x/a.png", "z/a.png"]);
    // What is not delivered is not removed.
    environment.write("in/b.txt", "no format");
    bucket.run(&environment, "strip -l id --delete-source --to s3://BUCKET/z/ in").ended(1);
    assert!(environment.path("in/b.txt").exists());
}

#[test]
fn a_request_document_is_done_as_it_says() {
    let (environment, bucket) = (Environment::new(), Bucket::new(&services().swift.s3));
    environment.write("a.png", png(&[("id", "8888"), ("keep", "1")]));
    let S3 { endpoint_url, access_key, secret_key, region } = bucket.s3;
    let place = serde_json::json!({
        "s3Bucket": bucket.name, "s3Region": region, "endpointUrl": endpoint_url,
        "accessKey": access_key, "secretKey": secret_key,
    });
    let mut send_back = place.clone();
    send_back["type"] = "s3".into();
    let document = serde_json::json!({"app": "a", "queryID": "q-1", "labels": {"id": "8888", "other": "x"}, "sendBack": send_back});
    environment.write("request.json", document.to_string());
    let answer: Value = serde_json::from_str(&environment.run("request request.json a.png").ended(0).out()).unwrap();
    assert_eq!(
        (&answer["result"], &answer["responseCode"], &answer["message"]),
        (&0.into(), &200.into(), &"OK".into())
    );
    assert_eq!(answer["data"]["queryID"], "q-1");
    assert_eq!(answer["data"]["labels"], serde_json::json!({"id": "removed", "other": "absent"}));
    assert_eq!(bucket.keys(), ["a.png"]);

    // The object is the source now, and the result comes back.
    let mut info = place;
    info["s3Key"] = "a.png".into();
    let document = serde_json::json!({"labels": {"keep": ""}, "uploadtype": "s3", "objectInfo": info, "sendBack": {"type": "response"}});
    environment.write("request.json", document.to_string());
    let run = environment.run("request -o out.png request.json").ended(0);
    assert!(run.out().contains(r#""keep":"removed""#), "{run}");
    assert!(environment.read("out.png").starts_with(b"\x89PNG"));

    environment.write("request.json", r#"{"labels": {"id": ""}, "sendBack": {"type": "s3"}}"#);
    let run = environment.run("request request.json a.png").ended(2);
    assert!(run.out().contains(r#""responseCode":400"#) && run.out().contains("`s3Bucket`"), "{run}");
}

#[test]
fn secrets_are_in_nothing_that_is_printed() {
    let (environment, bucket) = (Environment::new(), Bucket::new(&services().swift.s3));
    environment.write("a.png", png(&[("id", "8888")]));
    let secret = "never-to-be-printed";
    let arguments = format!("strip -l id --json --attempts 1 --to s3://{}/ --to swift://c/ a.png", bucket.name);
    let mut command = environment.command(arguments.split_whitespace());
    command
        .env("AWS_ACCESS_KEY_ID", &bucket.s3.access_key)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_REGION", &bucket.s3.region)
        .env("AWS_ENDPOINT_URL", &bucket.s3.endpoint_url)
        .env("ST_AUTH", &services().swift.auth_url)
        .env("ST_USER", &services().swift.user)
        .env("ST_KEY", secret);
    let run = Run::from(command.output().unwrap()).ended(1);
    assert!(run.out().contains("denied: "), "{run}");
    assert!(!run.out().contains(secret) && !run.err().contains(secret), "{run}");
    assert_eq!(bucket.keys(), Vec::<String>::new());
}

#[test]
fn a_file_behind_a_url_is_an_input() {
    let environment = Environment::new();
    let nginx = &services().nginx;
    let name = format!("{}.png", Bucket::new(&services().rgw.s3).name);
    let image = png(&[("id", "8888"), ("keep", "1")]);
    fs::write(Path::new(&nginx.root).join(&name), &image).unwrap();
    let listed = environment.run(&format!("list {}/{name}", nginx.http)).ended(0);
    assert!(listed.out().contains("8888"), "{listed}");
    environment.run(&format!("strip -l id --ca {} --to out/ {}/{name}", nginx.ca.display(), nginx.https)).ended(0);
    environment.write("a.png", &image);
    environment.run("strip -l id --to here.png a.png").ended(0);
    assert_eq!(environment.read(format!("out/{name}")), environment.read("here.png"));
    let run = environment.run(&format!("strip -l id --in-place {}/{name}", nginx.http)).ended(2);
    assert!(run.err().contains("cannot be replaced in place"), "{run}");
}
