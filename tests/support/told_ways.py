"""Sentences of calls in which numbers are told; {number} is the number, {4} four harmless digits."""

from __future__ import annotations

ZH = ("您好，客服中心，请问有什么可以帮您？",)
EN = ("Thank you for calling customer care, how can I help you today?",)

ASKS = {
    "zh": {
        "phone": (
            "请问您的手机号是多少？",
            "方便留一个联系电话吗？",
            "您预留的手机号码报一下。",
            "麻烦您提供一下手机号。",
            "联系方式给我一下好吗？",
            "您的号码是？",
            "请您说一下手机号码，我这边登记一下。",
        ),
        "landline": ("您家里的座机号码是多少？", "请留一下固定电话。", "公司电话报一下，带区号。", "您的固话是多少？"),
        "id": (
            "请提供一下您的身份证号码。",
            "麻烦报一下身份证号。",
            "需要核实一下您的身份证，请说。",
            "您的证件号码是多少？",
        ),
        "card": ("请报一下您的银行卡号。", "卡号是多少？", "您把信用卡卡号念一下。", "麻烦提供一下储蓄卡的卡号。"),
        "account": ("您的账号是多少？", "请提供一下对公账户的账号。", "银行账号报一下。", "您的缴费户号是多少？"),
        "code": (
            "请报一下卡片背面的三位安全码。",
            "短信验证码是多少？",
            "您收到的验证码告诉我一下。",
            "请输入或者说一下您的查询密码。",
            "签名栏后面的三位数字是多少？",
            "您把验证码念一下。",
        ),
        "plate": ("您的车牌号是多少？", "麻烦说一下车牌。", "请问车牌号码？"),
        "email": ("您的邮箱是多少？", "电子邮箱报一下。", "发票发到哪个邮箱？"),
    },
    "en": {
        "phone": (
            "Can I have your phone number, please?",
            "What's the best number to reach you at?",
            "And a callback number?",
            "Could you give me a contact number?",
            "What's your cell number?",
            "And your mobile?",
        ),
        "landline": (
            "What's your telephone number?",
            "Could I take a contact number for you?",
            "And your home number, please?",
            "What's the mobile number on the account?",
        ),
        "id": (
            "Can I get your social security number?",
            "What's your social?",
            "I need your full Social Security number to verify.",
        ),
        "card": (
            "Can I have the card number?",
            "Could you read me the long number on the front of the card?",
            "What's your credit card number, please?",
            "And the sixteen digits on the card?",
        ),
        "account": (
            "What's your account number?",
            "Could you give me the account number?",
            "And the bank account number?",
            "Can I take your account number and I'll pull that up?",
        ),
        "code": (
            "And the security code on the back of the card?",
            "What's the CVV?",
            "Please give me your PIN.",
            "Can you read me the verification code we just texted you?",
            "What's the three digit code on the back?",
            "And the passcode on the account?",
        ),
        "plate": (
            "What's the license plate?",
            "Could I have the registration number of the vehicle?",
            "And the plate number?",
        ),
        "email": ("What's your email address?", "And an email for the receipt?", "Could you spell out your email?"),
    },
}

LEADS = {
    "zh": {
        "": (
            "",
            "是",
            "嗯，",
            "哦，",
            "你记一下啊，",
            "好的，",
            "您稍等我看一下啊，",
            "我念给你听，",
            "啊，",
            "那个，",
            "我找一下啊，",
        ),
        "phone": ("我的手机是", "我电话是", "号码是", "手机号码是"),
        "landline": ("我家电话是", "座机是"),
        "id": ("身份证号是", "我的身份证是"),
        "card": ("卡号是", "我的卡号，"),
        "account": ("账号是", "户号，"),
        "code": ("验证码是", "", "它是"),
        "plate": ("车牌是", "车牌号，"),
        "email": ("我的邮箱是", "邮箱，"),
    },
    "en": {
        "": (
            "",
            "Sure, it's ",
            "Yes, ",
            "Okay, it's ",
            "Uh, ",
            "Yeah, that's ",
            "One second. ",
            "Let me see, ",
            "It is ",
            "Right, ",
        ),
        "phone": ("My number is ", "You can reach me at ", "My cell is "),
        "landline": ("My number's ", "The number is ", "It's on "),
        "id": ("My social is ",),
        "card": ("The number is ", "It's a Visa, "),
        "account": ("The account number is ", "It's account "),
        "code": ("The code is ", "It's "),
        "plate": ("It's ", "The plate is "),
        "email": ("My email is ", "It's "),
    },
}

HESITATIONS = {
    "zh": ("", "", "嗯，", "然后，", "后面是", "呃，", "然后是", "再是"),
    "en": ("", "", "Uh, ", "Then ", "And then ", "Um, ", "After that ", "And "),
}

ACKS = {
    "zh": (
        "嗯。",
        "嗯嗯。",
        "好。",
        "对。",
        "继续。",
        "好的您说。",
        "然后呢？",
        "后面呢？",
        "请讲。",
        "您慢点说。",
        "稍等，好的。",
        "嗯，好。",
        "我在记，您说。",
    ),
    "en": (
        "Uh-huh.",
        "Mm-hmm.",
        "Okay.",
        "Got it.",
        "Go on.",
        "Go ahead.",
        "Yes.",
        "All right.",
        "Next?",
        "And the rest?",
        "I'm listening.",
        "Right.",
    ),
}

READ_BACKS = {
    "zh": (
        "我跟您核对一下，{number}，对吗？",
        "好的，{number}，没错吧？",
        "{number}，是吗？",
        "我重复一遍，{number}。",
        "那您的是{number}，对吧？",
    ),
    "en": (
        "So that's {number}?",
        "Let me read that back: {number}.",
        "Okay, {number}, is that correct?",
        "I have {number}.",
        "Just to confirm, that was {number}, right?",
    ),
}

VOLUNTEERED = {
    "zh": {
        "phone": (
            "你好，我用{number}这个号码注册的，登不上去了。",
            "我叫王芳，电话{number}，想查一下进度。",
            "{number}是我的手机号，你查一下。",
            "有事打我手机，{number}，谢谢。",
        ),
        "landline": ("你打我座机吧，{number}。", "回电请打{number}，这是我办公室电话。"),
        "id": ("我身份证{number}，你帮我查一下。", "我报一下身份证号，{number}。"),
        "card": ("我那张卡，卡号{number}，被冻结了。", "银行卡{number}扣了我两次钱。"),
        "account": ("我的账号{number}登录不了。", "户号{number}，这个月没出账单。"),
        "plate": ("我的车是{number}，停在门口。", "车牌{number}，被锁了。"),
        "email": ("发到我邮箱吧，{number}。", "我的邮箱是{number}，收不到邮件。"),
    },
    "en": {
        "phone": (
            "Hi, this is Mary, my number is {number} and I'm calling about my bill.",
            "Please call me back on {number}.",
            "You can text me at {number} if that's easier.",
        ),
        "landline": ("My phone number is {number}, it's been down since Monday.", "Call my landline, {number}."),
        "id": ("My social is {number}, if you need it.", "I can give you my social security number, it's {number}."),
        "card": ("I paid with my credit card, {number}, and it was charged twice.", "The card number is {number}."),
        "account": ("I'm calling about account number {number}.", "My account number is {number}, and I can't log in."),
        "plate": ("My license plate is {number}, it was towed.", "The plate is {number}."),
        "email": ("You can send it to {number}.", "My email is {number} and I never got the message."),
    },
}

CHATTER = {
    "zh": (
        (("C", "我想问一下我的快递到哪了，订单号是{8}。"), ("A", "好的，订单{8}，我帮您查一下。")),
        (("C", "我上个月十五号买的，花了三百五十六块八。"), ("A", "您是2023年10月15日下单的，金额356.8元。")),
        (("A", "我们的营业时间是上午9:00到下午17:30，周一至周五。"), ("C", "那周六呢？")),
        (("C", "我等了四十分钟了，打了三次电话。"), ("A", "非常抱歉，让您久等了。")),
        (("A", "您这个套餐是100兆宽带，每月129元，合约24个月。"), ("C", "能不能便宜一点，优惠20块？")),
        (("C", "房间是1208，住两个晚上，3个人。"), ("A", "好的，两晚三位，一共1280元。")),
        (("C", "航班CA1234，晚上八点四十起飞。"), ("A", "那班延误到22:15了。")),
        (("A", "我的工号是{4}，很高兴为您服务。"), ("C", "好的，谢谢。")),
        (("C", "型号是XR2000，用了两年半。"), ("A", "这款保修期是三年，第一次维修免费。")),
        (("A", "投诉受理编号是{10}，三到五个工作日会有专员联系您。"), ("C", "行吧，一定要解决。")),
        (("C", "地址是中山路18号楼3单元502。"), ("A", "好的，一会儿师傅会过去看一下。")),
        (("C", "我血压一百四十，九十，吃了两片药。"), ("A", "建议您去医院看看。")),
        (("A", "满300减50，第二件半价，活动到12月31日。"), ("C", "哦，那我买两件，一共多少钱？")),
        (("C", "积分有12500分，能换什么？"), ("A", "可以换一张100元的券。")),
        (("A", "您可以拨打客服热线95588，或者登录官网查询。"), ("C", "知道了，谢谢你。")),
    ),
    "en": (
        (("C", "I'm calling about order number {8}, it hasn't arrived."), ("A", "Let me look up order {8} for you.")),
        (("C", "I was charged $120.50 twice on March 5th."), ("A", "I see two charges of 120 dollars and 50 cents.")),
        (("A", "We're open from 9:00 am to 5:30 pm, Monday to Friday."), ("C", "What about Saturday?")),
        (
            ("C", "I've been waiting for forty-five minutes, and it's the third time."),
            ("A", "I'm so sorry about the wait."),
        ),
        (
            ("A", "That plan is one hundred gigabytes for thirty-five dollars a month, for 24 months."),
            ("C", "Can I get 10 percent off?"),
        ),
        (
            ("C", "It's room 1208, two nights, three people."),
            ("A", "Okay, that comes to two hundred and forty dollars."),
        ),
        (("C", "Flight UA 1234, it leaves at 8:40 tonight."), ("A", "That one is delayed until ten fifteen.")),
        (("A", "My name is Ann, badge number {4}."), ("C", "Thanks, Ann.")),
        (
            ("C", "The model is XR 2000, I bought it in 2019."),
            ("A", "It has a three year warranty, so this one is free."),
        ),
        (
            ("A", "Your reference number is {10}, someone will call in three to five business days."),
            ("C", "I hope so."),
        ),
        (("C", "My zip code is 94107."), ("A", "Thank you, one moment please.")),
        (("C", "There were about two thousand people there, one of them fell."), ("A", "Oh no, is everyone okay?")),
        (("A", "Buy two, get one free, until December 31st."), ("C", "I'll take four then, or maybe five.")),
        (("C", "I have 12,500 points, what do I get for them?"), ("A", "A one hundred dollar voucher.")),
        (("A", "The tracking number is {12}."), ("C", "Got it, and when will it be here, one or two days?")),
    ),
}
