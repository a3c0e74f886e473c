package main

// sentences are what learn says itself in languages other than English, each by the English one. What it shows of a story is the suite's report, which is
// English.
var sentences = map[string]map[string]string{"ko": {
	"\nagain: with the checks that a stage before could not judge yet; -: judges a claim of a profile that this one does not make\n": "\nagain: 앞 단계에서 아직 판정할 수 없었던 검사까지 다시 판정합니다. -: 이 프로필에 없는 선언을 판정하는 스토리입니다.\n",

	"\nStage %d of %d: %s\n\n%s\n": "\n단계 %d/%d: %s\n\n%s\n",
	"Yours    The lesson speaks of the kit's own paths. By your profile: login %s, refresh %s, logout %s.\n": "내 서버  위 설명은 키트의 경로로 되어 있습니다. 여러분의 프로필로는 로그인 %s, 갱신 %s, 로그아웃 %s입니다.\n",
	"Read on  %s\n\n": "더 읽기  %s\n\n",

	"%s stage %2d  %s %s\n":   "%s 단계 %2d  %s %s\n",
	"done: %s":                "완료: %s",
	"%d story":                "스토리 %d개",
	"%d stories":              "스토리 %d개",
	"%d check":                "검사 %d개",
	"%d checks":               "검사 %d개",
	"not judged":              "판정하지 않음",
	"done: %s; %d not judged": "완료: %s; %d개는 판정하지 않음",
	"not judged: wants %s":    "판정하지 않음: %s 필요",
	"done as far as it was judged: %s; the rest wants %s": "판정한 범위에서 완료: %s; 나머지에는 %s 필요",

	"Your server cannot be judged yet:\n  %s\nStart it there, in whatever language you like; one that answers 404 to everything is a beginning. If it runs, its log\nmay show an exception that nobody caught. Then run this again:\n  %s\n": "아직 서버를 판정할 수 없습니다.\n  %s\n어떤 언어로든 그 주소에 서버를 띄우십시오. 무엇에든 404로 답하는 서버면 시작으로 충분합니다. 이미 돌고 있다면 아무도 잡지 않은\n예외가 로그에 있을지 모릅니다. 그다음 다시 실행하십시오.\n  %s\n",
	"This stage begins here:\n  %s\nBuild what the lesson says, and run this again:\n  %s\n": "이 단계는 여기서 시작합니다.\n  %s\n위에서 말한 것을 만들고 다시 실행하십시오.\n  %s\n",
	"The course stops at %s. Mend that, and run this again:\n  %s\n":                         "%s에서 멈췄습니다. 고친 다음 다시 실행하십시오.\n  %s\n",
	"-hint says more: a server with such a fault, and files to compare with.\n":              "-hint를 붙이면 같은 결함이 있는 서버와 비교해 볼 파일까지 알려 줍니다.\n",

	"There was no answer to judge, or an error: an exception that nobody caught? Your server's log shows it. Then: %s.":                     "판정할 응답이 없었거나 오류가 왔습니다. 아무도 잡지 않은 예외가 있습니까? 서버의 로그를 보십시오. 그다음: %s.",
	"Your server refused what it must accept: the last step shows it. Until that works, refusals prove nothing.":                            "받아들여야 할 것을 서버가 거절했습니다. 마지막 단계에 나와 있습니다. 이것이 되기 전에는 거절이 아무것도 증명하지 못합니다.",
	"There is no %s yet at %s %s. The lesson says what to build; if yours is at another path, say -%s PATH.":                                "%[2]s %[3]s에 아직 %[1]s 호출이 없습니다. 무엇을 만들지는 위에 있습니다. 다른 경로에 있다면 -%[4]s PATH로 알려 주십시오.",
	"The login refuses a right password. Do the two accounts exist? -user EMAIL:PASSWORD, twice, names others.":                             "로그인이 올바른 비밀번호를 거절합니다. 두 계정이 있습니까? 다른 계정은 -user EMAIL:PASSWORD를 두 번 줘서 알려 주십시오.",
	"hint     The story ended before it came to its own question, since something that it needs does not work: the last step shows what.\n": "hint     이 스토리는 필요한 것이 동작하지 않아 정작 물어야 할 것을 묻지 못하고 끝났습니다. 그것이 무엇인지는 마지막 단계에 나와 있습니다.\n",
	"compare  with the reference server:\n": "compare  참조 서버와 비교해 보십시오:\n",
	"         a server that is wrong there alone, at http://127.0.0.1:8081, and what the suite says of it:\n": "         바로 그것만 틀린 서버(http://127.0.0.1:8081)와 스위트의 판정:\n",
	"         it shipped: %s  (%s bugs -v %s)\n":                                                              "         실제로 배포된 적이 있습니다: %s  (%s bugs -v %s)\n",

	"hint     There is nothing to look for yet: whatever was asked of %s, it answered that there is no such call.\n": "hint     아직 찾을 결함이 없습니다. 무엇을 보내도 %s에서는 그런 호출이 없다는 답만 왔습니다.\n",

	"Stage %d is done.\n":                               "%d단계를 마쳤습니다.\n",
	"Stage %d is done as far as it was judged.\n":       "판정한 범위에서는 %d단계를 마쳤습니다.\n",
	"Stage %d is not done: nothing of it was judged.\n": "%d단계는 아직 마치지 않았습니다. 판정한 것이 하나도 없습니다.\n",
	"The course is done: your server does what %d of its %d stages ask for, as far as they were judged.\n": "코스를 마쳤습니다. 판정한 범위에서는 서버가 %[2]d개 단계 가운데 %[1]d개가 요구하는 것을 모두 합니다.\n",
	"The lessons of the stages above: %s -stage N, where N is %s.\n":                                       "위 단계의 설명을 읽으려면: %s -stage N (N은 %s)\n",
	"Now judge it as a whole:\n  %s\n":                                                                     "이제 전체를 판정하십시오.\n  %s\n",
	"Export %s first, as the flags gave it.\n":                                                             "먼저 플래그로 준 값을 %s로 export 하십시오.\n",
	"And find what is wrong with other people's servers: docs/exercises.md\n":                              "그리고 다른 사람의 서버에서 틀린 곳을 찾아보십시오: docs/ko/exercises.md\n",
}}
