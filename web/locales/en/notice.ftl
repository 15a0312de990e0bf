# Notices
notice-requested = A new request for “{ $product }” waits for you.
notice-withdrawn = A request for “{ $product }” was withdrawn or came to nothing.
notice-offered = The provider of “{ $product }” offers other terms; your organization decides.
notice-finalized = The subscription to “{ $product }” is in force: keys can be made, calls are served.
notice-refused = The subscription to “{ $product }” was not agreed to.
notice-ended = The other side ended the contract on “{ $product }”.
notice-parked = The node { $node } refused letters; somebody has to look.
notice-test = This is a test of notices by the node { $node }; nothing is to be done.
notice-closing = Sign in at { $node } to see more. A program sent this e-mail; do not answer it.
