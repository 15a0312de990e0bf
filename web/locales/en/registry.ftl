# Node page, log browser, verify this yourself
crumbs = You are here
node-version = Program
node-fold = catalog version { $version }
node-awaiting = { $n ->
    [one] { $n } awaits a newer program
   *[other] { $n } await a newer program
}
node-lag = Entries behind
node-key = Key fingerprint
node-quarantined = Quarantined entries
node-evidence = Evidence of a fork
node-evidence-none = None
node-sort = Sort the nodes
node-order-name = Usual order
node-order-entries = Log entries
node-order-lag = Furthest behind
node-order-contact = Longest silent
node-order-quarantined = Most quarantined
node-products-all = { $n ->
    [one] { $n } product
   *[other] All { $n } products
    }
node-admitted-by = Admitted by log
node-url = Pages
node-addresses = Peer addresses
node-quota = Size of its log
node-quota-of = { $used } of { $quota } MiB
node-logs = Logs
node-logs-text = Every generation of its log. After a new one has begun, the former stays and can be verified as before.
node-logs-none = No log of this node is held here yet.
log-current = Current
log-former = Former
log-browse = Browse entries
log-verify = Verify this yourself
node-keys = Public keys
node-keys-text = As the newest admission entry names them. One key serves one role of one node.
key-role-log = Signs the log
key-role-witness = Cosigns as witness
key-role-seal = Seals contracts and statements
key-role-identity = Identity among peers
node-history = Membership
node-history-text = Admissions, revisions, suspensions, reinstatements and withdrawals, each with the entry that says so. Newest first, at most 100.
node-history-none = Nothing recorded.
said-what = What
said-at = When
said-reason = Reason
said-entry = Entry
said-from = from entry { $n } of its log on
log-title = Log
log-entries = Entries
log-kind = Kind of entry
log-kind-all = All kinds
log-show = Show
log-none = There is no entry of this kind.
log-none-yet = No entry of this kind in the part looked at.
log-cut = One look goes through at most 4,096 entries; this one ended at index { $n }. Look on for older ones.
log-newest = Newest
log-older = Older entries
entry-title = Entry { $index }
entry-about = About
entry-at = Recorded
entry-by = Office
entry-bytes = Bytes
entry-unreadable = Unreadable
entry-is-quarantined = Quarantined
entry-is-awaiting = Awaits a newer program
entry-text = What it says
entry-text-note = Broken into lines for reading. Signatures and hashes are over the bytes of the file to download.
entry-proof = Proof of inclusion
entry-proof-text = Joined one after the other with the hash of this entry, the hashes below give the root hash of the checkpoint: the entry lies in the log and has not changed since.
entry-checkpoint = Checkpoint
entry-checkpoint-size = { $n ->
    [one] covers { $n } entry
   *[other] covers { $n } entries
    }
entry-path = Path
entry-path-none = The log has this entry alone; its hash is the root.
entry-unproved = No signed checkpoint covers this entry yet, so there is no proof of it. Please look again in a moment.
entry-download-proof = Download the proof
entry-download = Download the entry
fork-evidence = See the entry with the evidence
verify-title = Verify this yourself
verify-lead = You need not believe this site: any of these programs checks the logs held here on its own. The commands can be pasted as they stand.
verify-caution = Compare the key and the policy with what you were given another way, such as a letter of the authority. A key taken only from the site it is to check proves nothing.
verify-vkey = Verifier key
verify-others = Logs to verify
verify-policy = Policy
verify-policy-text = It names the key of the log, the keys of the witnesses, and how many of them must have cosigned.
verify-policy-file = Download the policy
verify-policy-none = Under the charter's rule the members there are cannot witness:
verify-vkey-file = Download the key
verify-foreign = From elsewhere
verify-proves = It proves:
verify-proves-lianshi = Every entry fits its hash, all hashes lead to the signed root, and enough witnesses cosigned it. Otherwise it names the first thing that is wrong.
verify-proves-fsck = A program written by others computes every entry and hash again and reaches the signed checkpoint.
verify-proves-aics = A program written by others finds the checkpoint signed with the key of this log and cosigned by enough witnesses.
verify-proves-torchwood = A library written by others reads every entry under the same policy and checks its place in the log.
verify-not = It does not prove:
verify-not-lianshi = That what was recorded is true, or that nothing newer has been recorded by now.
verify-not-fsck = That enough witnesses cosigned: it looks at the log's own signature alone.
verify-not-aics = That every entry is sound: this command checks the checkpoint and does not read them all.
verify-not-torchwood = That what was recorded is true. The small program is part of this project's source; the checking is done by the library.
verify-one = Check a certificate you were handed
verify-one-text = Download a .tlog-proof from the page of a certificate or an entry. With the policy above it is checked without any network.
verify-one-not = Whether it was suspended or withdrawn after it was made; ask online for that.
