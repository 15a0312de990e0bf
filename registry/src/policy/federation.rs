//! The policy of a federation for one of its logs: what its members know by themselves, written
//! down for those who are none.

use super::{Log, Policy, Quorum, Rule, RuleRefusal, Witness};
use crate::{
    checkpoint::vkey,
    id::Origin,
    key::PublicKey,
    member::{Member, Status},
};

impl Policy {
    /// The log, every active member the charter's rule names but the one that writes it as its
    /// witnesses, and as many of them as the rule asks for. In a federation of one nobody can
    /// witness, and none is asked for.
    pub fn of_federation(
        rule: &Rule,
        members: &[Member],
        (origin, log_key): (&Origin, PublicKey),
    ) -> Result<Self, RuleRefusal> {
        let writer = members.iter().find(|member| member.admission.node == *origin.node());
        let base = writer.and_then(|member| member.admission.base());
        let url = base.map(|base| format!("{base}/log/{}/{}/", origin.node(), origin.generation()));
        let logs = vec![Log { key: vkey(origin, log_key), url }];
        let witnesses: Vec<Witness> = members
            .iter()
            .filter(|member| member.status() == Status::Active)
            .filter(|member| member.admission.node != *origin.node())
            .filter(|member| rule.names(&member.admission.node))
            .map(witness)
            .collect();
        if witnesses.is_empty() && rule.witnesses.is_empty() {
            return Ok(Self { logs, witnesses, quorum: Quorum::None });
        }
        let threshold = rule.quorum(witnesses.len())?;
        let members = (0..witnesses.len()).map(Quorum::Witness).collect();
        Ok(Self { logs, witnesses, quorum: Quorum::Group { threshold, members } })
    }
}

fn witness(member: &Member) -> Witness {
    let admission = &member.admission;
    Witness {
        name: admission.node.to_string(),
        key: admission.witness_vkey(),
        url: admission.base().map(|base| format!("{base}/witness")),
    }
}
