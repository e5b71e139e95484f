//! A folder that somebody hands over: its objects need not be what their ids say.

use std::io::Write as _;

use countersign::ledger::verify::FindingKind;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::finds;
use super::story::one_of_each;

#[test]
fn an_object_that_is_not_what_its_id_says_is_found() {
    let world = one_of_each();
    let (path, tip) = (world.decision(3), world.line()[3]);
    let text = world.git(&[], "", &["show", &format!("{tip}:{path}")]);
    let id = world.git(&[], "", &["rev-parse", &format!("{tip}:{path}")]);
    // The packs become loose files, and one of them another text.
    let packs = world.path().join("objects/pack");
    let aside = world.folder().join("aside");
    std::fs::rename(&packs, &aside).unwrap();
    for entry in std::fs::read_dir(&aside).unwrap() {
        let pack = entry.unwrap().path();
        if pack.extension().is_some_and(|end| end == "pack") {
            let mut unpack = std::process::Command::new("git");
            unpack
                .arg("-C")
                .arg(world.path())
                .args(["unpack-objects", "-q"]);
            let status = unpack.stdin(std::fs::File::open(pack).unwrap()).status();
            assert!(status.unwrap().success());
        }
    }
    assert!(world.verify().ok);
    let forged = text.replace("by: alice", "by: carol") + "\n";
    let mut loose = ZlibEncoder::new(Vec::new(), Compression::default());
    write!(loose, "blob {}\0{forged}", forged.len()).unwrap();
    let file = world.path().join("objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, loose.finish().unwrap()).unwrap();
    let found = world.verify();
    finds(&found, tip, FindingKind::Unreadable);
    assert!(
        super::told(&found).contains("was tampered with or damaged"),
        "{}",
        super::told(&found)
    );
}
