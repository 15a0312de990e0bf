refusal-web-gone = 本节点没有或不再保留目录的这一时点，请重新获取完整列表。
refusal-catalog-cursor-alone = 按游标列出时不能同时指定搜索词、排序或页码。
