home-title = 公共数据，安全可用
