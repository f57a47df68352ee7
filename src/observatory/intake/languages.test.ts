import { expect, test } from 'vitest'
import { LANGUAGES } from '../languages.ts'
import { languageOf } from './languages.ts'

test.each([
  ['en', 'The best time to plant a tree was twenty years ago, and it is not too late.'],
  ['es', 'Buenos días a todos, hoy es un día muy bonito para estar con los amigos.'],
  ['pt', 'Bom dia! Você não vai acreditar no que eu vi hoje, foi uma coisa muito boa.'],
  ['de', 'Guten Morgen, ich habe heute nicht viel Zeit, aber das ist auch gut so.'],
  ['fr', "Bonjour, c'est une très belle journée pour aller dans les bois avec vous."],
  ['it', 'Buongiorno a tutti, questo è il giorno più bello della settimana, non è vero?'],
  ['nl', 'Goedemorgen, ik heb het niet gezien maar dat is ook wel een goed idee.'],
  ['pl', 'Dzień dobry, to jest bardzo dobry pomysł, ale nie wiem czy się uda.'],
  ['cs', 'Dobré ráno, dnes je velmi hezky a já jsem rád, že už není zima.'],
  ['tr', 'Günaydın, bugün hava çok güzel ama bir şey yok, her şey daha iyi olacak.'],
  ['sv', 'God morgon, det är inte så kallt i dag och jag har en ny bok.'],
  ['fi', 'Hyvää huomenta, tämä on todella hyvä asia, mutta minä en ole siellä nyt.'],
  ['id', 'Selamat pagi, saya tidak tahu apa yang akan terjadi pada hari ini.'],
  ['vi', 'Chào buổi sáng, tôi không biết điều này là của ai trong các bạn.'],
  ['ja', 'おはようございます。今日もビットコインの話をしましょう。'],
  ['zh', '早上好，今天的天气很好。'],
  ['ko', '좋은 아침입니다. 오늘도 좋은 하루 되세요.'],
  ['ru', 'Доброе утро, сегодня хорошая погода.'],
  ['uk', 'Доброго ранку, сьогодні гарна погода і їжа.'],
  ['th', 'สวัสดีตอนเช้า วันนี้อากาศดีมาก'],
  ['ar', 'صباح الخير، اليوم جميل جدا'],
  ['fa', 'صبح بخیر، امروز هوا خیلی خوب است، چطوری؟'],
  ['he', 'בוקר טוב לכולם'],
  ['hi', 'सुप्रभात, आज मौसम अच्छा है'],
  ['el', 'Καλημέρα σε όλους'],
])('a text in %s is found to be one', (language, text) => {
  expect(LANGUAGES[languageOf(text)]).toBe(language)
})

test.each([
  [''],
  ['🤙🤙🤙'],
  ['lol'],
  [
    'https://example.com/the/and/that/with/this/are nostr:npub1ctdcu0x2pmm9r3lz7846mphtsvmfhh9e68xgfzhfvy3mwhyrhdjsady2sg',
  ],
  ['youtube.com/watch?v=kexteGM2V2s'],
  ['#the #and #that #with @for @you'],
  ['0xdeadbeef 1234 — …'],
])('%j says nothing of a language', (text) => {
  expect(languageOf(text)).toBe(0)
})
