refusal-web-gone = 本节点没有或不再保留目录的这一时点，请重新获取完整列表。
