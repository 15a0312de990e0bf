home-title = Public data, safely put to use
