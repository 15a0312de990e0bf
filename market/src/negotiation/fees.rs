//! From when the ending of a contract counts for its fees: decision 23 says why from its receipt.

use lianshi_registry::time::Timestamp;

use super::Process;
use crate::message::{Body, Message};

impl Process {
    /// From when the ending in this copy counts, as the copy stood `before` a message that was
    /// heard then; `None` where nothing changes. What the other side ended counts from its receipt,
    /// so that no date it writes takes back a fee that was due; of two endings that crossed, the
    /// one that counts first.
    pub fn fees_end(&self, before: Option<&Self>, heard_at: Timestamp) -> Option<Timestamp> {
        let ending = self.ending.as_ref()?;
        let heard = heard_at.max(ending.at);
        match before.and_then(|before| before.ending.as_ref()) {
            None => Some(heard),
            Some(own) if own.by == self.side => Some(own.at.min(heard)),
            // It was ended before, and that counts.
            Some(_) => None,
        }
    }

    /// The same of a copy that was made again from these messages. When each was heard is
    /// forgotten: it counts from the time it says it was written.
    pub fn fees_end_of<'m>(&self, played: impl Iterator<Item = &'m Message>) -> Option<Timestamp> {
        let counts = played.filter_map(|message| match &message.body {
            Body::End(ending) if message.from == self.side => Some(ending.at),
            Body::End(ending) => Some(ending.at.max(message.at)),
            _ => None,
        });
        counts.min()
    }
}
