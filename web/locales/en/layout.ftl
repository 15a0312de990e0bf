# Header, footer and words used everywhere
brand = Lianshi
brand-line = The federated market for public data
skip = Skip to content
settings = Display settings
care-enter = Easy reading
care-leave = Standard view
theme-to-dark = Dark
theme-to-light = Light
theme-to-auto = System theme
nav-main = Main
nav-work = My work
nav-home = Home
nav-catalog = Products
nav-federation = Nodes
nav-subscriptions = My subscriptions
nav-bills = My bills
nav-requests = Requests
nav-provided = Subscribers
nav-revenue = Revenue
nav-lines = My shares
nav-periods = Periods
nav-statements = Statements
nav-differences = To be decided
nav-audit = Audit trail
nav-users = Users
sign-in = Sign in
sign-out = Sign out
foot-what = Raw data never leave their domain. Registration, prices and settlement are on record, and anyone can check them.
foot-verify = Verify the registry logs
foot-api = API description
ago-seconds = { $n ->
    [one] { $n } second ago
   *[other] { $n } seconds ago
    }
ago-minutes = { $n ->
    [one] { $n } minute ago
   *[other] { $n } minutes ago
    }
ago-hours = { $n ->
    [one] { $n } hour ago
   *[other] { $n } hours ago
    }
ago-days = { $n ->
    [one] { $n } day ago
   *[other] { $n } days ago
    }
copy = Copy
copied = Copied
print = Print
session-soon = You are about to be signed out. Save what you have typed.
session-over = You have been signed out. Copy what you have not sent yet, then sign in again.
session-stay = Stay signed in
