//! Time-stamp tokens (RFC 3161): openssl as the authority, good and otherwise; what is verified, and what is refused.

use std::process::Command;

use crate::support::authority::*;
use onrecord_verify::timestamp::{MAX_TOKEN, Query, Roots, Timestamp, Token, TokenError};
use sha2::Digest as _;

fn digest(of: &str) -> [u8; 32] {
    sha2::Sha256::digest(of).into()
}

fn roots(of: &[&Authority]) -> Roots {
    let mut roots = Roots::default();
    of.iter().for_each(|a| roots.add_pem(&a.read("root.pem")).unwrap());
    roots
}

fn verify(bytes: &[u8], sha256: &[u8; 32], roots: &Roots) -> Result<Timestamp, TokenError> {
    roots.verify(&Token::read(bytes, sha256)?)
}

fn query(sha256: &[u8; 32]) -> Query {
    Query::new(sha256, [0xff, 2, 3, 4, 5, 6, 7, 8])
}

/// What is wrong with a token, in words.
fn wrong(bytes: &[u8], sha256: &[u8; 32], roots: &Roots) -> String {
    verify(bytes, sha256, roots).map(|t| t.to_string()).unwrap_err().to_string()
}

#[test]
fn a_request_is_what_openssl_reads() {
    let tmp = tempfile::tempdir().unwrap();
    let it = digest("a checkpoint");
    std::fs::write(tmp.path().join("q.tsq"), query(&it).as_bytes()).unwrap();
    let text = openssl(tmp.path(), &["ts", "-query", "-in", "q.tsq", "-text"]);
    let text = String::from_utf8(text).unwrap();
    for line in
        ["Version: 1", "Hash Algorithm: sha256", "Nonce: 0x7F02030405060708", "Certificate required: yes"]
    {
        assert!(text.contains(line), "{text}");
    }
    let read: String =
        text.lines().filter(|l| l.contains(" - ")).map(|l| l[11..59].replace([' ', '-'], "")).collect();
    assert_eq!(read, it.iter().map(|b| format!("{b:02x}")).collect::<String>());
}

#[test]
fn what_authorities_of_every_kind_stamp_is_verified() {
    let it = digest("a checkpoint");
    for (keys, signed, ess) in [
        ("rsa:2048", "sha256", "sha1"),
        ("rsa:3072", "sha512", "sha256"),
        ("rsa:4096", "sha384", "sha512"),
        ("P-256", "sha256", "sha1"),
        ("P-384", "sha384", "sha384"),
    ] {
        let authority = Authority::new("Acme Time", keys);
        authority.configure(signed, ess);
        let query = query(&it);
        let before = onrecord_verify::log::Time::from_unix_ms(now() - 999).unwrap();
        let answer = authority.answer(query.as_bytes());
        let token = Token::read(&answer, &it).unwrap();
        assert!(token.answers(query.nonce()) && !token.answers(&[0x7f; 8]));
        let said = roots(&[&authority]).verify(&token).unwrap();
        assert_eq!(said.authority, "CN=Acme Time stamps,O=Synthetic");
        assert_eq!(said.accuracy_ms, Some(1_000));
        assert!(before <= said.not_later_than && said.not_later_than.unix_ms() <= now(), "{said}");
        // The bare token in the answer, too.
        authority.run("ts -reply -in answer.tsr -token_out -out token.der");
        let bare = authority.read("token.der");
        assert_eq!(verify(&bare, &it, &roots(&[&authority])), Ok(said), "{keys}");
        assert!(answer.len() < 8_192 && bare.len() < answer.len());
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

#[test]
fn a_token_is_over_this_digest_and_by_these_roots() {
    let (one, other) = (Authority::new("One", "P-256"), Authority::new("Other", "P-256"));
    let it = digest("a checkpoint");
    let answer = one.answer(query(&it).as_bytes());
    let both = roots(&[&other, &one]);
    assert!(verify(&answer, &it, &both).is_ok());
    assert!(wrong(&answer, &digest("another"), &both).starts_with("imprint: expected SHA-256 "));
    let untrusted = verify(&answer, &it, &roots(&[&other]));
    assert!(matches!(untrusted, Err(TokenError::Untrusted { .. })), "{untrusted:?}");
    assert!(matches!(verify(&answer, &it, &Roots::default()), Err(TokenError::Untrusted { .. })));
    // An imposter whose root has the same name.
    let imposter = Authority::new("One", "P-256");
    assert!(matches!(verify(&answer, &it, &roots(&[&imposter])), Err(TokenError::Path { .. })));
    // SHA-512 of the same is another imprint.
    one.write("data", "a checkpoint");
    one.run("ts -query -data data -sha512 -cert -out other.tsq");
    let answer = one.answer(&one.read("other.tsq"));
    assert!(wrong(&answer, &it, &both).contains("found 2.16.840.1.101.3.4.2.3 "));
    // Without certReq nobody can check it.
    one.run("ts -query -data data -sha256 -out bare.tsq");
    let answer = one.answer(&one.read("bare.tsq"));
    assert_eq!(
        wrong(&answer, &it, &both),
        "signing-certificate attribute: expected that of an enclosed certificate"
    );
}

#[test]
fn a_signer_is_for_time_stamping_alone_and_its_path_was_good_then() {
    let authority = Authority::new("Acme", "P-256");
    let (it, roots) = (digest("a checkpoint"), roots(&[&authority]));
    let then = "20260301000000Z";
    let content = tst_info(&it, then);
    let by = |name: &str, between: &str| {
        authority
            .sign(&content, &format!("-cades -signer {name}.pem -inkey {name}.key -certfile {between}.pem"))
    };
    let year = Some(("20260101000000Z", "20261231000000Z"));
    let good = authority.sign(&content, "-cades -signer tsa.pem -inkey tsa.key -certfile between.pem");
    // The signer was not certified yet then.
    assert!(wrong(&good, &it, &roots).ends_with("a certificate was not valid yet"));
    authority.issue("between", "early issuing", "root", CA, Some(("20250101000000Z", "20351231000000Z")));
    authority.issue("good", "good", "between", FOR_STAMPS, year);
    let said = verify(&by("good", "between"), &it, &roots).unwrap();
    assert_eq!(
        said.to_string(),
        "not later than 2026-03-01T00:00:00.000Z, by the word of CN=good,O=Synthetic"
    );

    let purpose = "certificate: expected the extended key usage timeStamping, critical, and no other";
    let usage = "certificate: expected a key usage of digitalSignature, nonRepudiation or both";
    for (name, extensions, times, why) in [
        ("no-eku", "keyUsage=critical,digitalSignature\n", year, purpose),
        ("not-critical", "extendedKeyUsage=timeStamping\n", year, purpose),
        ("other", "extendedKeyUsage=critical,emailProtection\n", year, purpose),
        ("more", "extendedKeyUsage=critical,timeStamping,emailProtection\n", year, purpose),
        (
            "usage",
            "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=critical,timeStamping\n",
            year,
            usage,
        ),
        ("expired", FOR_STAMPS, Some(("20250101000000Z", "20260228235959Z")), "a certificate had expired"),
        (
            "early",
            FOR_STAMPS,
            Some(("20260301000001Z", "20261231000000Z")),
            "a certificate was not valid yet",
        ),
        ("ca", "basicConstraints=CA:TRUE\nextendedKeyUsage=critical,timeStamping\n", year, "that of a CA"),
    ] {
        authority.issue(name, name, "between", extensions, times);
        let why_not = wrong(&by(name, "between"), &it, &roots);
        assert!(why_not.ends_with(why), "{name}: {why_not}");
    }
    // A signer below a certificate that may not issue, and one below a certificate that is not for time-stamping.
    authority.issue("below", "below", "good", FOR_STAMPS, year);
    let below = authority.sign(&content, "-cades -signer below.pem -inkey below.key -certfile good.pem");
    assert!(verify(&below, &it, &roots).is_err());
    authority.issue(
        "mail",
        "mail",
        "root",
        &format!("{CA}extendedKeyUsage=emailProtection\n"),
        Some(("20250101000000Z", "20351231000000Z")),
    );
    authority.issue("mailed", "mailed", "mail", FOR_STAMPS, year);
    let mailed = wrong(&by("mailed", "mail"), &it, &roots);
    assert!(mailed.contains("the path from CN=mailed"), "{mailed}");
    // Without the certificate between.
    let alone = authority.sign(&content, "-cades -signer good.pem -inkey good.key");
    assert!(matches!(verify(&alone, &it, &roots), Err(TokenError::Untrusted { .. })));
}

#[test]
fn what_is_no_token_though_it_is_signed_is_refused() {
    let authority = Authority::new("Acme", "P-256");
    let (it, roots) = (digest("a checkpoint"), roots(&[&authority]));
    let content = tst_info(&it, &in_an_hour());
    let sign = |args: &str| {
        authority.sign(&content, &format!("{args} -signer tsa.pem -inkey tsa.key -certfile between.pem"))
    };
    assert!(verify(&sign("-cades"), &it, &roots).is_ok());
    assert!(verify(&sign("-cades -keyid"), &it, &roots).is_ok(), "a signer named by its key");
    let why = wrong(&sign(""), &it, &roots);
    assert!(why.starts_with("signing-certificate attribute: expected one"), "{why}");
    assert!(wrong(&sign("-noattr"), &it, &roots).starts_with("token: expected CMS SignedData"));
    authority.issue("second", "second", "between", FOR_STAMPS, None);
    let two = sign("-cades -signer second.pem -inkey second.key");
    assert!(
        wrong(&two, &it, &roots).starts_with("token: expected CMS SignedData of version 3 with one signer")
    );
    authority.write("content", &content);
    authority.run(
        "cms -sign -binary -nodetach -cades -in content -outform DER -out data.der -signer tsa.pem -inkey tsa.key",
    );
    assert!(verify(&authority.read("data.der"), &it, &roots).is_err(), "of another content type");
    for content in [
        &b"nothing"[..],
        &tst_info(&it, "20260231000000Z"),
        &tst_info(&it, "2026030100000Z"),
        &[&content[..], &[0]].concat(),
        &content[..content.len() - 1],
    ] {
        let token = authority.sign(content, "-cades -signer tsa.pem -inkey tsa.key -certfile between.pem");
        assert!(wrong(&token, &it, &roots).starts_with("TSTInfo"), "{content:?}");
    }
    let refusal = [0x30, 0x0d, 0x30, 0x0b, 2, 1, 2, 0x30, 6, 0x0c, 4, b'n', b'\n', b'n', b'!'];
    assert_eq!(wrong(&refusal, &it, &roots), "the authority refused: status 2, n n!");
    assert_eq!(wrong(&[0x30, 5, 0x30, 3, 2, 1, 0], &it, &roots), "the authority refused: status 0");
    for bytes in [&b""[..], b"\x30", b"<html>", &[0x30, 0x80, 0, 0], &[0x30, 0], &[0x30; 4_096]] {
        assert!(wrong(bytes, &it, &roots).starts_with("answer: expected a TimeStampResp of RFC 3161"));
    }
    assert_eq!(wrong(&[0x30; MAX_TOKEN + 1], &it, &roots), "expected at most 65536 bytes, found 65537");
}

/// A time at which the certificates of a test are good: they begin when they are made.
fn in_an_hour() -> String {
    let out = Command::new("date").args(["-u", "-d", "1 hour", "+%Y%m%d%H%M%SZ"]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn no_byte_of_an_answer_can_be_changed_or_cut_off() {
    for (keys, ess) in [("rsa:2048", "sha1"), ("P-384", "sha256")] {
        let authority = Authority::new("Acme", keys);
        authority.configure("sha256", ess);
        let (it, roots) = (digest("a checkpoint"), roots(&[&authority]));
        let answer = authority.answer(query(&it).as_bytes());
        let said = verify(&answer, &it, &roots).unwrap();
        // The status is signed by nobody: 0 (granted) and 1 (granted with modifications) are both taken.
        let status = 2 + usize::from(answer[1] & 0x7f) * usize::from(answer[1] > 0x80) + 4;
        assert_eq!(answer[status - 4..=status], [0x30, 3, 2, 1, 0]);
        for at in 0..answer.len() {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut changed = answer.clone();
                changed[at] ^= flip;
                match verify(&changed, &it, &roots) {
                    Err(_) => {}
                    Ok(still) => assert!((at, flip) == (status, 1) && still == said, "{at} ^ {flip:02x}"),
                }
            }
        }
        for length in 0..answer.len() {
            assert!(verify(&answer[..length], &it, &roots).is_err(), "{length}");
        }
        assert!(verify(&[&answer[..], &[0]].concat(), &it, &roots).is_err());
    }
}

#[test]
fn roots_are_read_from_pem() {
    let (one, other) = (Authority::new("One", "P-256"), Authority::new("Other", "P-256"));
    let text = [b"Some words.\n".to_vec(), one.read("root.pem"), other.read("root.pem")].concat();
    let mut both = Roots::default();
    both.add_pem(&text).unwrap();
    let it = digest("a checkpoint");
    for authority in [&one, &other] {
        assert!(verify(&authority.answer(query(&it).as_bytes()), &it, &both).is_ok());
    }
    let wrong = |pem: &[u8]| Roots::default().add_pem(pem).unwrap_err().to_string();
    assert_eq!(wrong(b""), "expected a certificate in PEM, found none");
    assert_eq!(wrong(&one.read("root.key")), "expected a certificate in PEM, found none");
    let broken =
        [one.read("root.pem"), b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec()]
            .concat();
    assert!(wrong(&broken).starts_with("certificate 2: expected PEM: "), "{}", wrong(&broken));
    let none = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(wrong(none).starts_with("certificate 1: expected one of X.509: "));
    let many = one.read("root.pem").repeat(1_025);
    assert_eq!(wrong(&many), "expected at most 1024 certificates");
}
