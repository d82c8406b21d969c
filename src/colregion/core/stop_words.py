"""Question words and glue, by language: they say nothing about where an answer stands.

Folded as `text.fold` folds; without elided letters' apostrophes ("d'ajouter" is "d", "ajouter").
"""

from __future__ import annotations

BY_LANGUAGE = {
    "en": """a an any and are as at be been being but by can could did do does for from had
        has have how i if in into is it its me my of on or our shall should so such than
        that the their them then there these they this those to up us was we were what when
        where which while who whom whose why will with would you your please tell show give
        find according""",
    "ar": """ما ماذا من في علي الي عن هل هو هي التي الذي الذين هذا هذه ذلك تلك كم متي اين
        كيف لماذا اي و او ان كان كانت مع لا قد تم يمكن""",
    "de": """aber als am an auf aus bei bin bis das dass dem den der des die dies diese
        dieser dieses durch ein eine einem einen einer eines er es fur hat haben hatte ich
        ihr ihre im in ist ja kann kein keine konnen man mit nach nicht noch nur oder sein
        seine sich sie sind so und uber um unser von vom vor war waren warum was wann welche
        welcher welches welchen wem wen wenn wer werden wie wieviel wieviele wird wo woher
        wohin wurde wurden zu zum zur""",
    "es": """a al algo como con cual cuales cuando cuanta cuantas cuanto cuantos de del
        donde e el ella ellas ellos en entre era es esa ese eso esta este esto estos fue ha
        han hay la las le les lo los mas me mi muy no nos o para pero por porque que quien
        quienes se ser si sin sobre son su sus tiene un una unas unos y ya""",
    "fr": """a ai alors au aux avec c ce ces cet cette combien comme comment d dans de des
        du elle elles en est et etait ete etre eu il ils j je l la le les leur leurs lequel
        laquelle m mais me mes mon n ne nos notre nous on ont ou par pas pour pourquoi qu
        quand que quel quelle quelles quels qui quoi s sa sans se ses son sont sur t te tes
        toi ton tu un une vos votre vous y soit fut sera""",
    "it": """a ad ai al alla alle anche che chi ci come con cosa cui da dal dalla dei del
        della delle di dove e ed era gli ha hanno i il in io la le lo ma mi nei nel nella
        non o per perche piu qual quale quali quando quanta quante quanti quanto questa
        questo se si sono stata stato su sua sul sulla suo tra un una uno""",
    "ko": """무엇 무엇인가요 무엇입니까 어디 어디인가요 언제 언제인가요 누구 누구인가요
        몇 얼마 얼마인가요 어떤 무슨 왜 어떻게 인가요 입니까 있나요 대한 및""",
    "nl": """aan als bij de den der die dat deze dit door een en er had heb heeft het hoe
        hoeveel hun ik in is je kan met naar niet of om onder ons ook op over te tot uit van
        voor waar waarom wanneer was wat welk welke werd wie wordt worden zijn zij""",
    "pt": """a ao aos as com como da das de do dos e ela ele em entre era essa esse esta
        este foi foram ha isso na nao nas no nos o onde os ou para pela pelo por porque qual
        quais quando quanta quantas quanto quantos que quem se sem ser seu sua sao um uma""",
    "ru": """а без бы был была были было быть в вам вас во вот все всего вы где да для до
        его ее если есть еще же за и из или им их к как какая какие какои какое когда кто ли
        мне мы на над не него нет ни но о об он она они от по под при с сколько со так там
        то того только тот у уже чего чем что чтобы эта эти это этот я""",
}
"""English comes first: it wins where another language has no more words of a question."""
