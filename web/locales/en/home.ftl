# Home
home-title = Public data, ready to trust
home-lead = City and district nodes publish their data products in one registry that anyone can check. Enterprises find, subscribe, call and settle at their own node, and raw data stay where they are.
home-popular = Popular:
home-fact-products = Data products in the catalog
home-fact-resources = Registered public data resources
home-fact-nodes = Nodes in the federation
unit-products = { "" }
unit-resources = { "" }
unit-nodes = { "" }
home-how = How it works
home-step-1 = Find a product
home-step-1-text = Filter by sector, form and price. Every product names its sources, authorization, permitted use and who is responsible, and the registered text can be checked line by line.
home-step-2 = Subscribe online
home-step-2-text = Choose a purpose and a plan, check your answers and submit. Public governance and public good are free of charge; industry pays no more than the filed ceiling.
home-step-3 = Call and settle
home-step-3-text = Call the holder's service directly with your key and watch your usage as it happens. Every bill can be recomputed, and revenue is shared by agreement to the last fen.
home-newest = Newly registered
home-all = See all products
home-none = There are no products in the catalog yet. They appear here as soon as a node publishes them.
home-sectors = By sector
home-nodes = The nodes
home-nodes-all = Nodes and registry logs
topology-title = Picture of the nodes of the federation
topology-products = { $n ->
    [one] { $n } product
   *[other] { $n } products
    }
node = Node
node-products = Products
node-confirmed = Confirmed
node-here = This node
node-never = Nothing received yet
node-unconfirmed = Never confirmed
