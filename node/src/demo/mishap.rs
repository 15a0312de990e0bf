//! What commonly keeps a demo from starting, told in the caller's language with what to do.

use std::{io, path::Path};

use lianshi_store::format::FormatRefusal;

use super::{Language, cast};
use crate::serve;

/// Why a demo did not start, or stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mishap {
    /// `--nodes` names a node the demo does not have.
    #[error("the demo has no node `{0}`")]
    UnknownNode(String),
    /// The nodes waited in vain for something among themselves.
    #[error("{node} waited {seconds} s in vain for {what:?}")]
    InVain {
        /// Who waited.
        node: String,
        /// For how long.
        seconds: u64,
        /// What for.
        what: Awaited,
    },
}

/// What the demo's nodes wait for while they are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Every node holds every log.
    Logs,
    /// Every node shows every product.
    Products,
    /// The provider has received the request.
    Request,
    /// Both sides hold the agreement.
    Agreement,
    /// The provider holds the key's hash.
    Key,
}

impl Awaited {
    fn words(self, language: Language) -> &'static str {
        let (zh, en) = match self {
            Self::Logs => ("各节点的登记日志", "the logs of the other nodes"),
            Self::Products => ("全部产品", "every product"),
            Self::Request => ("订购申请", "the request"),
            Self::Agreement => ("订购生效", "the subscription to come into force"),
            Self::Key => ("密钥", "the key"),
        };
        language.pick(zh, en)
    }
}

/// An error of the demo in the caller's language. What only an operator's log would explain is
/// given as it is, behind words that say so.
pub fn told(error: &anyhow::Error, language: Language, base_port: u16) -> String {
    if let Some(mishap) = error.chain().find_map(|cause| cause.downcast_ref::<Mishap>()) {
        return mishap.words(language);
    }
    if let Some(served) = error.chain().find_map(|cause| cause.downcast_ref::<serve::Served>()) {
        return busy_folder(&served.0, language);
    }
    let format = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref::<FormatRefusal>(), Some(FormatRefusal::GivenUp))
    };
    if error.chain().any(format) {
        return of_before(language);
    }
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().map(io::Error::kind)
    };
    if error.chain().filter_map(io).any(|kind| kind == io::ErrorKind::AddrInUse) {
        return port_taken(base_port, language);
    }
    match language {
        Language::Zh => format!("演示未能启动：{error:#}"),
        Language::En => format!("the demo could not start: {error:#}"),
    }
}

fn of_before(language: Language) -> String {
    match language {
        Language::Zh => {
            "这个演示由旧版程序建立，其登记格式已不再使用；请加 --fresh 重新建立，或用 --data 指定另一个文件夹"
        }
        Language::En => {
            "this demo was made by an earlier program, in a format of entries that is no longer read; \
             make a new one with --fresh, or name another folder with --data"
        }
    }
    .to_owned()
}

fn busy_folder(folder: &Path, language: Language) -> String {
    let folder = folder.display();
    match language {
        Language::Zh => format!("已有一个演示在使用 {folder}；请先在那边按 Ctrl-C 停止它"),
        Language::En => format!("another demo uses {folder}; stop it with Ctrl-C first"),
    }
}

fn port_taken(base_port: u16, language: Language) -> String {
    let other = if base_port < 60_000 { base_port + 1_000 } else { base_port - 1_000 };
    match language {
        Language::Zh => format!(
            "演示所用的端口（自 {base_port} 起）有的已被其他程序占用；请换一组端口：\
             --fresh --base-port {other}"
        ),
        Language::En => format!(
            "another program uses a port of the demo (they begin at {base_port}); take others: \
             --fresh --base-port {other}"
        ),
    }
}

impl Mishap {
    fn words(&self, language: Language) -> String {
        match (self, language) {
            (Self::UnknownNode(name), Language::Zh) => {
                format!("演示中没有名为“{name}”的节点；有：{}", names("、"))
            }
            (Self::UnknownNode(name), Language::En) => {
                format!("the demo has no node `{name}`; there are {}", names(", "))
            }
            (Self::InVain { node, seconds, what }, Language::Zh) => {
                format!("节点 {node} 等待{} {seconds} 秒未果", what.words(language))
            }
            (Self::InVain { node, seconds, what }, Language::En) => {
                format!("{node} waited {seconds} s in vain for {}", what.words(language))
            }
        }
    }
}

fn names(comma: &str) -> String {
    cast::NODES.iter().map(|node| node.name).collect::<Vec<_>>().join(comma)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
    }

    #[test]
    fn every_mishap_is_told_in_the_callers_language() {
        let wait = |what| Mishap::InVain { node: "haishu".to_owned(), seconds: 60, what };
        let taken = || io::Error::from(io::ErrorKind::AddrInUse);
        let listening: Result<(), io::Error> = Err(taken());
        let errors: Vec<anyhow::Error> = vec![
            Mishap::UnknownNode("x".to_owned()).into(),
            wait(Awaited::Logs).into(),
            wait(Awaited::Products).into(),
            wait(Awaited::Request).into(),
            wait(Awaited::Agreement).into(),
            wait(Awaited::Key).into(),
            serve::Served("lianshi-demo/haishu".into()).into(),
            listening.context("cannot listen").expect_err("it failed"),
            anyhow::anyhow!("the disk is full"),
        ];
        for error in &errors {
            let (zh, en) = (told(error, Language::Zh, 8800), told(error, Language::En, 8800));
            assert!(is_chinese(&zh) && !is_chinese(&en), "{zh} / {en}");
        }
        assert!(told(&errors[7], Language::En, 8800).contains("--base-port 9800"));
    }
}
