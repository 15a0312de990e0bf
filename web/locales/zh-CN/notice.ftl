# 通知
notice-requested = 产品“{ $product }”收到新的订购申请，等待您处理。
notice-withdrawn = 对产品“{ $product }”的订购申请已撤回或未能成立。
notice-offered = 产品“{ $product }”的供方提出了新的条件，等待贵单位决定。
notice-finalized = 产品“{ $product }”的订购已生效，可以创建密钥并调用。
notice-refused = 产品“{ $product }”的订购未获同意。
notice-ended = 产品“{ $product }”的合同已由对方终止。
notice-parked = 节点 { $node } 拒收了信件，需要人工处理。
notice-test = 这是节点 { $node } 的测试通知，无需处理。
notice-closing = 详情请登录{ $node }查看。本邮件由程序自动发出，请勿回复。
