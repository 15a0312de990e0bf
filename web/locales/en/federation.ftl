# Federation
federation-title = Nodes and public record
federation-lead = Each node signs only what belongs to its own division. Every other node verifies it entry by entry and keeps a copy. This page lists the logs held here and how current they are.
federation-caption = { $n ->
    [one] { $n } member node
   *[other] { $n } member nodes
    }
node-standing = Standing
node-entries = Log entries
node-root = Root authority
node-stale = Not heard of lately
standing-active = Active
standing-suspended = Suspended
standing-withdrawn = Withdrawn
level-province = Province
level-city = City
level-district = District
digest-title = Catalog digest
digest-text = Each node folds the same logs alone and must reach the same digest. Compare this value with another node's to know that both show the same catalog.
digest-fold = Made by catalog version { $version }: compare it with nodes of the same version only.
digest-behind = After an upgrade this node is reading its logs again: { $behind } of { $logs } are left. Until then pages show the catalog of before, and the digest cannot be compared.
digest-entries = { $n ->
    [one] This node holds { $n } entry.
   *[other] This node holds { $n } entries.
    }
digest-api = Heads and digest as JSON
heads-title = Log heads
heads-text = The logs use the C2SP transparency log formats; any compatible tool can verify them.
head-origin = Log
head-size = Entries
head-root = Root hash
head-at = Signed
head-files = Files
head-key = Key
head-reach = Confirmation
reach-settled = Settled by witnesses
reach-signed = Signed by its node only
reach-local = Not signed yet
reach-since = since
reach-settled-size = { $n ->
    [one] settled up to { $n } entry
   *[other] settled up to { $n } entries
    }
head-checkpoint = Signed checkpoint
unfolded-quarantined = Quarantined entries
unfolded-awaiting = Entries that await a newer program
unfolded-text-quarantined = Entries outside their author's right or against the rules never reach the catalog. They are kept here for inspection.
unfolded-text-awaiting = Written by a newer program than this node runs. They are kept, nobody did wrong, and they are read by themselves after this node's program is upgraded.
quarantine-index = Index
quarantine-kind = Kind
quarantine-reason = Reason
entry-member-admitted = Node admitted
entry-member-suspended = Node suspended
entry-member-reinstated = Node reinstated
entry-member-withdrawn = Node withdrawn
entry-organization-listed = Organization listed
entry-organization-revised = Organization revised
entry-organization-withdrawn = Organization withdrawn
entry-resource-cataloged = Resource cataloged
entry-resource-revised = Resource revised
entry-resource-withdrawn = Resource withdrawn
entry-authorization-granted = Authorization granted
entry-authorization-suspended = Authorization suspended
entry-authorization-resumed = Authorization resumed
entry-authorization-ended = Authorization ended
entry-product-registered = Product registered
entry-product-revised = Product revised
entry-product-listed = Product listed
entry-product-paused = Product paused
entry-product-resumed = Product resumed
entry-product-delisted = Product delisted
entry-plan-published = Plan published
entry-plan-retired = Plan retired
entry-ceiling-filed = Ceiling filed
entry-split-agreed = Split agreed
entry-statement-sealed = Statement sealed
entry-audit-sealed = Audit trail sealed
entry-fork-witnessed = Fork of a log witnessed
fork-title = A node signed two histories of its log
fork-text = Two checkpoints signed with the same key contradict each other, and no single history contains both. This node follows the log no more; products of that node stay visible but cannot be subscribed to or called.
fork-told-by = Evidence published in
fork-entry = entry
fork-known = Known here since
fork-check = Anybody can check the evidence offline:
node-frozen = Frozen
