//! The demo speaks the language of the shell it is started from, also when it cannot start.

use std::{
    net::TcpListener,
    process::{Command, Output},
};

use support::program;

fn demo(shell: &[(&str, &str)], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    Command::new(program())
        .arg("demo")
        .arg("--data")
        .arg(folder.path())
        .args(arguments)
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env_remove("LANG")
        .envs(shell.iter().copied())
        .output()
        .expect("the program starts")
}

fn said(output: &Output) -> String {
    assert!(!output.status.success(), "it should not start");
    let all = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(all).expect("UTF-8")
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[test]
fn the_demo_speaks_the_callers_language() {
    let nowhere = ["--nodes", "nowhere"];
    let zh = said(&demo(&[("LANG", "zh_CN.UTF-8")], &nowhere));
    assert!(zh.contains("nowhere") && zh.contains("ningbo、yinzhou、haishu"), "{zh}");
    for shell in [&[("LANG", "en_US.UTF-8")][..], &[], &[("LANG", "C.UTF-8")]] {
        let en = said(&demo(shell, &nowhere));
        assert!(en.contains("there are ningbo, yinzhou, haishu") && !is_chinese(&en), "{en}");
    }
    let over = [("LANG", "zh_CN.UTF-8"), ("LC_ALL", "en_US.UTF-8")];
    assert!(!is_chinese(&said(&demo(&over, &nowhere))), "LC_ALL is stronger");
    let chosen = ["--nodes", "nowhere", "--language", "en"];
    let en = said(&demo(&[("LANG", "zh_CN.UTF-8")], &chosen));
    assert!(!is_chinese(&en), "the option is the strongest: {en}");
}

#[test]
fn a_taken_port_of_the_demo_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let arguments = ["--base-port", port.as_str()];
    let zh = said(&demo(&[("LANG", "zh_CN.UTF-8")], &arguments));
    assert!(is_chinese(&zh) && zh.contains("--fresh --base-port"), "{zh}");
    let en = said(&demo(&[("LANG", "en_US.UTF-8")], &arguments));
    assert!(!is_chinese(&en) && en.contains("--fresh --base-port"), "{en}");
}
