audit-seals = Seals in the node's public log: { $n }
audit-seals-none = No seal of it is in the public log yet.
audit-seal-newest = The newest covers { $rows } rows, in entry { $index } of { $at }; { $unsealed } rows since.
audit-seal-contradicted = The trail contradicts a seal: entry { $index } of the public log, of { $at }, seals { $rows } rows, and the trail does not have them. Rows were cut off or changed.
audit-log-altered = The stored entries of the public log do not lead to the head this node signed; its seals prove nothing.
audit-log-short = This node signed { $signed } entries of its log and holds { $held }; seals may be missing.
audit-loss = Rows { $from } to { $to } were lost with a restored backup, as entry { $index } says.
audit-seal-entry = Open the entry
act-trail-resume = Trail continued after a restored backup
act-subscription-answer = Answered by the rules of the plan
act-access-page = Opened a page
act-access-api = Used the API
act-access-call = Called a product
act-access-others = Further refused attempts
outcome-access-summed-up = Summed up
audit-command = command line, { $account }
audit-token = program with the token of { $login }
audit-stranger = not signed in
audit-address-gone = address no longer kept
change-from = from { $address }
change-entry = entry { $index }
change-version = version { $version }
change-rows = { $count } rows
change-tokens-ended = { $n ->
    [one] { $n } access token ended
   *[other] { $n } access tokens ended
    }
organization-kind-enterprise = Enterprise
organization-kind-authority = Data authority
organization-kind-provider = Data provider
organization-kind-operator = Operator
organization-kind-partner = Partner
organization-kind-platform-operator = Platform operator
organization-kind-regulator = Regulator
