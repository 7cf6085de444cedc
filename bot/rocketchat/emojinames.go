package rocketchat

// emojiNames are the names that Rocket.Chat's picker has for emoji, beside those
// of [bot.Emoji], each between a space and an equals sign.
const emojiNames = "" +
	" laughing=😆 satisfied=😆 rofl=🤣 rolling_on_the_floor_laughing=🤣 slight_smile=🙂 upside_down=🙃 " +
	"upside_down_face=🙃 innocent=😇 star_struck=🤩 kissing_heart=😘 kissing=😗 kissing_closed_eyes=😚 " +
	"kissing_smiling_eyes=😙 smiling_face_with_3_hearts=🥰 smiling_face_with_tear=🥲 relaxed=☺️ yum=😋 " +
	"stuck_out_tongue=😛 stuck_out_tongue_winking_eye=😜 stuck_out_tongue_closed_eyes=😝 zany_face=🤪 money_mouth=🤑 " +
	"hugging=🤗 hugging_face=🤗 hand_over_mouth=🤭 face_with_hand_over_mouth=🤭 shushing_face=🤫 thinking=🤔 " +
	"saluting_face=🫡 zipper_mouth=🤐 face_with_raised_eyebrow=🤨 neutral_face=😐 expressionless=😑 no_mouth=😶 smirk=😏 " +
	"unamused=😒 rolling_eyes=🙄 face_with_rolling_eyes=🙄 grimacing=😬 lying_face=🤥 relieved=😌 pensive=😔 sleepy=😪 " +
	"sleeping=😴 mask=😷 thermometer_face=🤒 head_bandage=🤕 nauseated_face=🤢 sneezing_face=🤧 hot_face=🥵 cold_face=🥶 " +
	"woozy_face=🥴 dizzy_face=😵 exploding_head=🤯 cowboy=🤠 partying_face=🥳 disguised_face=🥸 sunglasses=😎 nerd=🤓 " +
	"nerd_face=🤓 face_with_monocle=🧐 confused=😕 worried=😟 slight_frown=🙁 slightly_frowning_face=🙁 frowning2=☹️ " +
	"open_mouth=😮 hushed=😯 astonished=😲 flushed=😳 pleading_face=🥺 frowning=😦 anguished=😧 fearful=😨 cold_sweat=😰 " +
	"disappointed_relieved=😥 scream=😱 confounded=😖 persevere=😣 sweat=😓 weary=😩 tired_face=😫 yawning_face=🥱 " +
	"triumph=😤 rage=😡 angry=😠 face_with_symbols_over_mouth=🤬 smiling_imp=😈 imp=👿 skull=💀 poop=💩 clown=🤡 ghost=👻 " +
	"alien=👽 space_invader=👾 robot=🤖 see_no_evil=🙈 hear_no_evil=🙉 speak_no_evil=🙊 melting_face=🫠 kiss=💋 " +
	"love_letter=💌 cupid=💘 gift_heart=💝 sparkling_heart=💖 heartpulse=💗 heartbeat=💓 revolving_hearts=💞 two_hearts=💕 " +
	"heart_decoration=💟 broken_heart=💔 orange_heart=🧡 yellow_heart=💛 green_heart=💚 blue_heart=💙 purple_heart=💜 " +
	"brown_heart=🤎 black_heart=🖤 white_heart=🤍 anger=💢 boom=💥 dizzy=💫 sweat_drops=💦 dash=💨 speech_balloon=💬 " +
	"thought_balloon=💭 zzz=💤 raised_back_of_hand=🤚 hand_splayed=🖐️ raised_hand=✋ vulcan=🖖 pinched_fingers=🤌 " +
	"pinching_hand=🤏 v=✌️ fingers_crossed=🤞 love_you_gesture=🤟 metal=🤘 call_me=🤙 point_left=👈 point_up_2=👆 " +
	"point_down=👇 point_up=☝️ fist=✊ punch=👊 left_facing_fist=🤛 right_facing_fist=🤜 open_hands=👐 " +
	"palms_up_together=🤲 handshake=🤝 writing_hand=✍️ nail_care=💅 selfie=🤳 heart_hands=🫶 ear=👂 nose=👃 brain=🧠 " +
	"eye=👁️ tongue=👅 lips=👄 baby=👶 boy=👦 girl=👧 man=👨 woman=👩 older_man=👴 older_woman=👵 person_shrugging=🤷 shrug=🤷 " +
	"man_shrugging=🤷‍♂️ woman_shrugging=🤷‍♀️ person_facepalming=🤦 facepalm=🤦 man_facepalming=🤦‍♂️ " +
	"woman_facepalming=🤦‍♀️ person_raising_hand=🙋 man_raising_hand=🙋‍♂️ woman_raising_hand=🙋‍♀️ raising_hand=🙋 " +
	"person_bowing=🙇 man_bowing=🙇‍♂️ woman_bowing=🙇‍♀️ person_gesturing_ok=🙆 person_gesturing_no=🙅 " +
	"person_tipping_hand=💁 person_running=🏃 person_walking=🚶 dancer=💃 man_dancing=🕺 santa=🎅 family=👪 " +
	"busts_in_silhouette=👥 bust_in_silhouette=👤 footprints=👣 dog=🐶 cat=🐱 mouse=🐭 hamster=🐹 rabbit=🐰 fox=🦊 bear=🐻 " +
	"panda_face=🐼 koala=🐨 tiger=🐯 lion_face=🦁 lion=🦁 cow=🐮 pig=🐷 frog=🐸 monkey_face=🐵 monkey=🐒 chicken=🐔 penguin=🐧 " +
	"bird=🐦 baby_chick=🐤 hatching_chick=🐣 duck=🦆 eagle=🦅 owl=🦉 wolf=🐺 horse=🐴 unicorn=🦄 bee=🐝 butterfly=🦋 snail=🐌 " +
	"lady_beetle=🐞 ant=🐜 spider=🕷️ turtle=🐢 snake=🐍 octopus=🐙 tropical_fish=🐠 fish=🐟 dolphin=🐬 whale=🐳 shark=🦈 " +
	"elephant=🐘 sheep=🐑 goat=🐐 feet=🐾 bouquet=💐 cherry_blossom=🌸 rose=🌹 wilted_rose=🥀 hibiscus=🌺 sunflower=🌻 " +
	"blossom=🌼 tulip=🌷 seedling=🌱 evergreen_tree=🌲 deciduous_tree=🌳 palm_tree=🌴 cactus=🌵 herb=🌿 shamrock=☘️ " +
	"four_leaf_clover=🍀 maple_leaf=🍁 fallen_leaf=🍂 leaves=🍃 mushroom=🍄 christmas_tree=🎄 grapes=🍇 melon=🍈 " +
	"watermelon=🍉 tangerine=🍊 lemon=🍋 banana=🍌 pineapple=🍍 apple=🍎 green_apple=🍏 pear=🍐 peach=🍑 cherries=🍒 " +
	"strawberry=🍓 avocado=🥑 eggplant=🍆 potato=🥔 carrot=🥕 corn=🌽 hot_pepper=🌶️ bread=🍞 croissant=🥐 cheese=🧀 " +
	"hamburger=🍔 fries=🍟 pizza=🍕 hotdog=🌭 sandwich=🥪 taco=🌮 burrito=🌯 egg=🥚 cooking=🍳 popcorn=🍿 rice=🍚 spaghetti=🍝 " +
	"sushi=🍣 icecream=🍦 ice_cream=🍨 doughnut=🍩 cookie=🍪 birthday=🎂 cake=🍰 cupcake=🧁 chocolate_bar=🍫 candy=🍬 " +
	"lollipop=🍭 honey_pot=🍯 milk=🥛 coffee=☕ tea=🍵 champagne=🍾 wine_glass=🍷 cocktail=🍸 tropical_drink=🍹 beer=🍺 " +
	"beers=🍻 champagne_glass=🥂 tumbler_glass=🥃 fork_and_knife=🍴 fork_knife_plate=🍽️ earth_africa=🌍 " +
	"earth_americas=🌎 earth_asia=🌏 globe_with_meridians=🌐 map=🗺️ mountain=⛰️ beach=🏖️ island=🏝️ house=🏠 " +
	"house_with_garden=🏡 office=🏢 post_office=🏣 hospital=🏥 bank=🏦 hotel=🏨 convenience_store=🏪 school=🏫 " +
	"department_store=🏬 factory=🏭 church=⛪ tent=⛺ cityscape=🏙️ sunrise=🌅 bridge_at_night=🌉 steam_locomotive=🚂 " +
	"train=🚋 metro=🚇 bus=🚌 ambulance=🚑 fire_engine=🚒 police_car=🚓 taxi=🚕 red_car=🚗 blue_car=🚙 truck=🚚 tractor=🚜 " +
	"motorcycle=🏍️ bike=🚲 fuelpump=⛽ traffic_light=🚥 construction=🚧 anchor=⚓ sailboat=⛵ ship=🚢 airplane=✈️ " +
	"airplane_departure=🛫 airplane_arriving=🛬 helicopter=🚁 satellite=📡 hourglass=⌛ watch=⌚ alarm_clock=⏰ " +
	"stopwatch=⏱️ timer=⏲️ new_moon=🌑 full_moon=🌕 crescent_moon=🌙 thermometer=🌡️ sunny=☀️ star2=🌟 stars=🌠 cloud=☁️ " +
	"partly_sunny=⛅ thunder_cloud_rain=⛈️ cloud_rain=🌧️ cloud_snow=🌨️ cloud_lightning=🌩️ tornado=🌪️ fog=🌫️ " +
	"cyclone=🌀 rainbow=🌈 umbrella=☔ umbrella2=☂️ zap=⚡ snowflake=❄️ snowman=⛄ droplet=💧 ocean=🌊 jack_o_lantern=🎃 " +
	"fireworks=🎆 sparkler=🎇 balloon=🎈 confetti_ball=🎊 ribbon=🎀 gift=🎁 tickets=🎟️ ticket=🎫 military_medal=🎖️ " +
	"trophy=🏆 medal=🏅 first_place=🥇 second_place=🥈 third_place=🥉 soccer=⚽ baseball=⚾ basketball=🏀 football=🏈 " +
	"tennis=🎾 volleyball=🏐 dart=🎯 golf=⛳ video_game=🎮 game_die=🎲 jigsaw=🧩 art=🎨 eyeglasses=👓 necktie=👔 shirt=👕 " +
	"jeans=👖 dress=👗 shopping_bags=🛍️ school_satchel=🎒 mans_shoe=👞 athletic_shoe=👟 high_heel=👠 crown=👑 " +
	"mortar_board=🎓 lipstick=💄 ring=💍 gem=💎 mute=🔇 speaker=🔈 sound=🔉 loud_sound=🔊 loudspeaker=📢 mega=📣 bell=🔔 " +
	"no_bell=🔕 musical_note=🎵 notes=🎶 microphone=🎤 headphones=🎧 radio=📻 guitar=🎸 mobile_phone=📱 iphone=📱 calling=📲 " +
	"phone=☎️ telephone=☎️ telephone_receiver=📞 battery=🔋 electric_plug=🔌 computer=💻 desktop=🖥️ printer=🖨️ " +
	"keyboard=⌨️ mouse_three_button=🖱️ floppy_disk=💾 cd=💿 movie_camera=🎥 clapper=🎬 tv=📺 camera=📷 " +
	"camera_with_flash=📸 video_camera=📹 mag=🔍 mag_right=🔎 candle=🕯️ flashlight=🔦 book=📖 green_book=📗 blue_book=📘 " +
	"orange_book=📙 books=📚 notebook=📓 page_facing_up=📄 newspaper=📰 bookmark=🔖 label=🏷️ moneybag=💰 coin=🪙 dollar=💵 " +
	"euro=💶 pound=💷 yen=💴 money_with_wings=💸 credit_card=💳 receipt=🧾 chart=💹 envelope=✉️ e-mail=📧 email=📧 " +
	"incoming_envelope=📨 envelope_with_arrow=📩 outbox_tray=📤 inbox_tray=📥 package=📦 mailbox=📫 postbox=📮 " +
	"ballot_box=🗳️ pencil2=✏️ pencil=📝 memo=📝 briefcase=💼 file_folder=📁 open_file_folder=📂 date=📅 calendar=📆 " +
	"calendar_spiral=🗓️ chart_with_upwards_trend=📈 chart_with_downwards_trend=📉 bar_chart=📊 clipboard=📋 pushpin=📌 " +
	"round_pushpin=📍 paperclip=📎 paperclips=🖇️ straight_ruler=📏 scissors=✂️ wastebasket=🗑️ unlock=🔓 " +
	"lock_with_ink_pen=🔏 closed_lock_with_key=🔐 key=🔑 key2=🗝️ hammer=🔨 tools=🛠️ wrench=🔧 screwdriver=🪛 " +
	"nut_and_bolt=🔩 gear=⚙️ scales=⚖️ link=🔗 magnet=🧲 test_tube=🧪 microscope=🔬 telescope=🔭 syringe=💉 pill=💊 door=🚪 " +
	"bed=🛏️ couch=🛋️ toilet=🚽 shower=🚿 bathtub=🛁 broom=🧹 soap=🧼 shopping_cart=🛒 smoking=🚬 atm=🏧 wheelchair=♿ " +
	"mens=🚹 womens=🚺 restroom=🚻 no_entry=⛔ no_entry_sign=🚫 no_smoking=🚭 underage=🔞 radioactive=☢️ biohazard=☣️ " +
	"arrow_up=⬆️ arrow_upper_right=↗️ arrow_right=➡️ arrow_lower_right=↘️ arrow_down=⬇️ arrow_lower_left=↙️ " +
	"arrow_left=⬅️ arrow_upper_left=↖️ arrow_up_down=↕️ left_right_arrow=↔️ arrows_counterclockwise=🔄 repeat=🔁 " +
	"back=🔙 end=🔚 on=🔛 soon=🔜 top=🔝 arrow_forward=▶️ pause_button=⏸️ stop_button=⏹️ fast_forward=⏩ rewind=⏪ " +
	"low_brightness=🔅 high_brightness=🔆 signal_strength=📶 vibration_mode=📳 heavy_plus_sign=➕ heavy_minus_sign=➖ " +
	"heavy_division_sign=➗ heavy_multiplication_x=✖️ infinity=♾️ bangbang=‼️ interrobang=⁉️ question=❓ " +
	"grey_question=❔ grey_exclamation=❕ exclamation=❗ recycle=♻️ copyright=©️ registered=®️ tm=™️ zero=0️⃣ one=1️⃣ " +
	"two=2️⃣ three=3️⃣ four=4️⃣ five=5️⃣ six=6️⃣ seven=7️⃣ eight=8️⃣ nine=9️⃣ keycap_ten=🔟 hash=#️⃣ abc=🔤 ok=🆗 " +
	"new=🆕 free=🆓 cool=🆒 up=🆙 sos=🆘 vs=🆚 id=🆔 negative_squared_cross_mark=❎ ballot_box_with_check=☑️ " +
	"white_circle=⚪ black_circle=⚫ red_circle=🔴 orange_circle=🟠 yellow_circle=🟡 green_circle=🟢 blue_circle=🔵 " +
	"purple_circle=🟣 brown_circle=🟤 red_square=🟥 green_square=🟩 yellow_square=🟨 blue_square=🟦 small_blue_diamond=🔹 " +
	"large_blue_diamond=🔷 small_orange_diamond=🔸 triangular_flag_on_post=🚩 checkered_flag=🏁 crossed_flags=🎌 " +
	"flag_white=🏳️ flag_black=🏴 rainbow_flag=🏳️‍🌈 gay_pride_flag=🏳️‍🌈 "
