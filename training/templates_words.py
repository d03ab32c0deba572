"""The words that the template generator fills in. All of it is our own text (CC0).

An entry is either one string, the same on both sides, or (toxic, neutral).
"""

from __future__ import annotations

Entry = str | tuple[str, str]


def words(line: str) -> list[str]:
    return [word.strip() for word in line.split("|")]


STUPID = words(
    "idiot|moron|dumbass|imbecile|fool|dimwit|cretin|halfwit|nitwit|dipshit|dumbfuck|fuckwit|dummy|numpty|simpleton|"
    "idiot|moron|idiot|dunce|blockhead|nincompoop|dolt|ignoramus|clown|buffoon|airhead|knucklehead|bonehead"
)
UNKIND = words(
    "asshole|jerk|bastard|bitch|dick|dickhead|prick|scumbag|shithead|motherfucker|jackass|asshole|arsehole|douchebag|"
    "douche|twat|wanker|tosser|son of a bitch|asshat|fucker|cunt|creep|scum|bellend|knobhead|ass|pig|lowlife|shit|"
    "piece of shit|sack of shit|piece of trash|piece of garbage|piece of crap|loser|sleazebag"
)
STUPID_PLURAL = words(
    "idiots|morons|dumbasses|imbeciles|fools|dimwits|cretins|nitwits|dipshits|dumbfucks|clowns|buffoons|idiots|morons|"
    "halfwits|simpletons|numpties"
)
UNKIND_PLURAL = words(
    "assholes|jerks|bastards|bitches|dicks|dickheads|pricks|scumbags|shitheads|motherfuckers|jackasses|arseholes|"
    "douchebags|twats|wankers|sons of bitches|fuckers|cunts|creeps|pigs|fucks|losers|pieces of shit"
)
DEGREE = words("absolute|total|complete|fucking|utter|goddamn|stupid|real|damn|bloody|f*cking|freaking|massive|huge")
RUDE_ADJECTIVE = words(
    "stupid|dumb|fucking|stupid fucking|dumb fucking|pathetic|worthless|ignorant|miserable|moronic|idiotic|goddamn|"
    "useless|brainless|fucked up|shitty|crappy|ugly|filthy|disgusting|bloody|damn|lousy|dumb-ass|stupid-ass|clueless"
)
INTENSIFIER = words(
    "fucking|fucking|fuckin|damn|goddamn|goddamned|bloody|freaking|f*cking|f**king|motherfucking|friggin|f-ing|effing|"
    "god damn|fuckin'|damned|frigging|f***ing"
)
ANY_HELL = words("the hell|the fuck|the heck|the f*ck|in the hell|the bloody hell|in god's name|the fuck|the hell")
THE_HELL = words("the hell|the fuck|the heck|the f*ck|the bloody hell|the fuck|the hell|tf")
CURSE_NAME = words("Fuck|Damn|Shit|Goddamn it|Damn it|Dammit|Fuck sake|For fuck's sake|Jesus fucking Christ|Bloody hell")

NAME = words(
    "Kevin|Karen|Linda|Dave|Sarah|Mike|Tom|Anna|Ben|Carla|Diego|Elena|Frank|Greta|Hugo|Ivan|Julia|Kim|Leo|Maria|Nina|"
    "Omar|Paula|Quentin|Rosa|Sam|Tina|Victor|Wendy|Yusuf|Zoe|Brian|Steve|Jenny|Josh|Emily|Lucas|Amir|Priya|Chen|Olga|"
    "Hans|Pierre|Luca|Ahmed|Fatima|Jake|Kyle|Becky|Chad|Tyler|Megan|Rachel|Susan|Gary|Doug|Phil|Todd|Brad|Mr. Brown|"
    "Dr. Patel|Mrs. Lee|Derek|Melissa|Marcus|Ingrid|Nadia|Oliver|Pedro|Ruth|Stefan|Tanya|Walter|Xavier|Yolanda|man|dude|"
    "bro|mate|buddy|Mum|Dad|sir|guys|@user99|folks|Zoë|José|Björn|Aisha|Kowalski|Okafor|Yamamoto|Nguyen|Zoltan"
)
PERSON: list[str] = words(
    "the manager|my boss|our teacher|the referee|my neighbour|the driver|the waiter|the new guy|your brother|my sister|"
    "his lawyer|the coach|the mayor|the author|the director|our landlord|the doctor|that reporter|the cashier|my ex|"
    "the intern|the admin|the host|this player|your friend|the captain|my roommate|her husband|his wife|the senator|"
    "the president|the guy at the counter|the woman at the desk|the seller|the mechanic|the plumber|the ceo|my cousin|"
    "the developer|the reviewer|the goalkeeper|the mod|the singer|that youtuber|the judge|the professor|our supervisor"
)
ROLE: list[str] = words(
    "manager|boss|teacher|referee|neighbour|driver|waiter|coach|mayor|author|director|landlord|doctor|reporter|cashier|"
    "intern|admin|host|captain|roommate|senator|president|seller|mechanic|lawyer|reviewer|goalkeeper|moderator|judge|"
    "professor|supervisor|striker|editor|politician|brother|cousin|ex|sister|friend|mate|guy|kid|colleague|cop|clerk"
)
GROUP: list[str] = words(
    "the mods|the people at the bank|my neighbours|the politicians|the developers|the fans|our managers|the players|"
    "these drivers|the reviewers|your friends|his lawyers|the tenants|the editors|the owners|the trolls|the tourists|"
    "the newspapers|the admins|the organisers|the airlines|the landlords|the support people|the voters|they|you guys"
)
THING: list[str] = words(
    "app|update|phone|movie|game|service|laptop|printer|bus|website|song|book|show|article|car|router|battery|keyboard|"
    "hotel|restaurant|pizza|coffee|meeting|plan|idea|design|code|script|server|report|policy|law|ticket|ending|episode|"
    "match|camera|chair|jacket|soup|job|project|class|exam|test|video|podcast|album|patch|form|system|tv|fridge|scooter|"
    "mattress|blender|tent|headset|controller|train|road|office|weather|interface|password|door|elevator|microphone|"
    "product|company|store|school|software|browser|charger|cable|question|argument|comment|post|theory|answer|rule"
)
PLURAL: list[str] = words(
    "apps|updates|phones|movies|games|websites|songs|shows|articles|cars|batteries|trains|meetings|ads|rules|comments|"
    "drivers|emails|tickets|servers|buses|tests|files|shoes|headphones|speakers|prices|taxes|fees|lights|notifications|"
    "pop-ups|passwords|questions|reviews|cables|bugs|roads|schedules|meetings|stairs|neighbours|dogs|mosquitoes|kids"
)
GRADABLE: list[str] = words(
    "good|bad|slow|loud|cold|hot|tired|hungry|boring|expensive|cheap|late|happy|angry|weird|funny|annoying|hard|easy|"
    "beautiful|small|big|old|sad|scared|proud|confusing|long|short|quiet|dirty|clean|sweet|salty|heavy|rude|lazy|strange|"
    "creepy|cute|nervous|brilliant|slippery|busy|noisy|cool|lucky|warm|fast|ridiculous|excited|bored|sleepy|smart"
)
PLACE: list[str] = words(
    "at work|in the kitchen|on the train|at school|in the office|at the station|in this city|in the garden|at the bank|"
    "on the bus|in the meeting|on the forum|in the hallway|at the airport|in this thread|in the group|on the server"
)
TIME: list[str] = words(
    "again|today|this morning|last night|yesterday|every day|on monday|all week|for three hours|since friday|at 3 am|"
    "every time|this week|last year|right now|tonight|twice|for years|since the update|at the last minute|once more"
)
TOPIC: list[str] = words(
    "this|that|it|the game|politics|your car|the weather|football|the budget|my family|the election|the price|cats|"
    "climate change|your diet|the plan|the new law|the match|music|the results|the project|vaccines|the new album"
)
VERB_PAST: list[str] = words(
    "deleted the folder|broke the build|parked in my spot|lost the keys|spoiled the ending|ate my lunch|left the door "
    "open|called me at midnight|forgot the tickets|missed the penalty|closed my ticket|cut the wrong wire|sold my data|"
    "cancelled the trip|burned the rice|wrote this code|sent the wrong file|ignored my question|locked us out|voted for "
    "this|raised the rent|blamed me for it|took my seat|banned my account|painted the wall green|dropped my phone|"
    "ruined the party|stole my bike|told everyone|crashed the car|wrote this article|kept the deposit|charged me twice"
)
VERB_BASE: list[str] = words(
    "read the manual|check the oil|close the door|answer the phone|fix the bug|pay the bill|turn off the music|move your "
    "car|clean the kitchen|look at the sign|write a test|return my money|learn the rules|wait for your turn|call me back|"
    "open the window|do your homework|feed the cat|park over there|bring the tickets|sign the form|use the brakes|post "
    "the source|watch the road|delete that file|update the app|wash your hands|check the date|say sorry|come home"
)
VERB_ING: list[str] = words(
    "doing|thinking|talking about|saying|looking at|waiting for|trying to prove|complaining about|writing|reading"
)
CLAUSE: list[str] = words(
    "the meeting starts at nine|the file is on the server|i've been waiting for an hour|nobody told us about it|the train "
    "leaves at 6:05|it was in the email|the answer is 42|the link is in the first post|we have to go|it's raining|the "
    "kids are asleep|that was my seat|you were there too|the shop closes at six|i paid for it|we lost the match|it's not "
    "your turn|the report is due on friday|she said no|the door was open|the sign says so|i need to work tomorrow|it "
    "worked fine yesterday|there is a queue|we talked about this|he didn't even call|the price went up|it's only a game|"
    "the test is on monday|you promised me|my phone is dead|dinner is ready|it was your idea|we all make mistakes|i'm "
    "trying to sleep|the light was red|it says so on the box|this is the third time|you owe me 20 euros|it's 3 am|the "
    "package never arrived|the screen is still black|the source is linked below|i have a family to feed|the dog is "
    "hungry|we moved in last week|the soup is cold|the code doesn't compile|it's on page 14|that's not how it works|"
    "everyone saw it|the water is still off|we're already late|the battery died after two days|i only asked a question"
)
