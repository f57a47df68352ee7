/**
 * A checkpoint as the first version of this wrote it (format 1), gzipped: what operators have in their databases. It holds what
 * `fillFormat1` counts. It is never made anew: a reader that no longer understands it loses their figures.
 */
import { gunzipSync } from 'node:zlib'
import { SECONDS_PER_DAY } from '../../ranges.ts'
import type { StatisticsEngine } from '../statistics-engine.ts'
import { batchOf, NOW_SECONDS } from './observation.ts'
import { randomStream } from './random-stream.ts'
import { relayReport } from './relay-report.ts'

export function fillFormat1(engine: StatisticsEngine): void {
  for (const relay of [1, 2, 3, 4]) engine.knowRelay({ relay, url: `wss://relay-${relay}.example` })
  engine.knowRelay({ relay: 9, url: 'wss://nobody.example' })
  engine.apply(batchOf(randomStream({ seed: 12, observations: 400 })))
  engine.report(
    [
      relayReport({
        readMs: [12, 50, 60, 5000],
        pingMs: [10],
        offences: { flood: 3, 'not-json': 1 },
        watchedSeconds: 600,
        connectedSeconds: 500,
      }),
    ],
    'eu',
  )
  engine.report(
    [
      relayReport({
        atSeconds: NOW_SECONDS - 3 * SECONDS_PER_DAY,
        readMs: [80],
        watchedSeconds: 60,
        connectedSeconds: 10,
      }),
      relayReport({ relay: 2, pingMs: [0.5, 40_000] }),
    ],
    'us',
  )
}

export function checkpointOfFormat1(): Uint8Array {
  return gunzipSync(Buffer.from(BASE64.join(''), 'base64'))
}

const BASE64 = [
  'H4sIAAAAAAACA+1de4zUxhmf8S63exxRjssFUAvKZTmux+UC9u5616a03CVNUXmkd6JNk9IIlrAU1HuQ270EQlFpVbVJpApViQr00jZS',
  'pFatKvUh5Y+qakRE/0wVokZERWqUqo+Q9HWIQATVQT22Z/249doev73+pF2vZz3j8czn33zffN98s6teqUOA6ETtlz87Nyocv3Ti7MVR',
  'KWnHiHgEn5SPD42AFzLST/BFOQ3Tdvl8g3zMjdwhfHNsiefyRabAFfkSLRDDomSWZziWYcvlcp6jReJR8n/ncOnzW7Sl688BQLWmxa9/',
  'NnIBXZ0WnatyLTRyZW3kukJUQ6XVCrqyh0Z09xzpEb54usTTDE8LTZQXWyffPPVqozbdi+psXJtbxrl0tZnfgnqFKZaK+QJdLDLFsnxj',
  'MZmmUTcWaQb3IXPDtHWUo1QEWyqW2UIJFS8VYZB8k6iPrxnmatVbHxLles+4hi364rJhi7XKdZ2IC/9HlGueqIbvE+X6D1EN/0WUa73w',
  '1TFuxJ+LS0BvYKHA5gscUyyWSxLLM2JRr40Zs7n+uByBYp4vskVO+Mjc3TTx4DazyjV9rMYj9Y1oX/LeFi/KUCPXA/JVA/KR1+XuFmG9',
  'UMyXS3S5THO8/PKLsJ7nS3yeZ0slrlwQ0Z4uLowBgs7pHzeGJONcb4wZ5WoFEjcs957EBGyJK7A8yzG8DMMSE/QuqrKV7hps5OrWdZe+',
  'lPkt4hjAczTL5Vm+zMg3b57aRdSAK7aTsNxtjXtldffKtmj2ZUTttZbouZaOkzxX2vBerXKtG7fHTgxfKPI0X2BZDTudt8uVXKnMcSW+',
  'LL13uJi3Pkvy5AOLejQ70noc5wt5hhMGa1a+P2OQ3EPUE9fGSHKd/IxZEzYd78ZIcr1LVMOXiO51107rw43IYcUCzwjAwHIcp2DG4tS3',
  'iZ7h9nESgN+4DRDIB2+Omb392icvFRiaKzNMWVBBlCdfnPrKgyT98Jcxkme4RNTKa8ZJ7pUjetvYHSSt0W1TlmJpgf04vsQwGty7QNQ8',
  'ncJXZgA0lCxRpRWULiTXpID7BC2mUTbLcHKd3fpDXfkZg/vBENWb5H63bikSMboGKU+KvNuaKJv9HXQbuE0pEx6OMv2u0Tk5DV5AlzHA',
  'a16AAfAb5TFfBIkdynixWuSLmzbwwqz+MEYYAg3GlFRM8VCpu/fyBeXgf+igXDflCmAgX1htZ+hRfdymtWn8q1/DFxQhf0EH743TtnM6',
  'fkECPl8SU/li62xz+SLt45gZhGzg1hiZAXGnfl/4ghT3nWII9IA3EHXElBsUfh9yNI4EJYer+92POlNNdNUwyp3QYZ3SmmftJdJVg8aS',
  'MMxjBNHv0DfeygbOF2HW9WEIccEffpdmzxXZolvkk6sEcxp+9CeMCY9Gj696Rde+VMDt5xVPevEsaRBPQvr4vitTm0f3nPuu4rgojS1P',
  '/+G3l8+t2fYycqzrUqXfMfnjiz9f/4uVZ4X0fiA7VsEQAErAJHqGJe0ARF+2pB3A+vHI1R9arC+l1Vgs4LxQLu+PcEe53A4pylY7GF/d',
  '72Y7RFh1e2MMxEEYTzvthhvxaAfH7Ng73g7tYM4ug/7ig1fjc9opFnXFd9y0RaKDdtT4wQO6LYr4AAkAwISWxQMnHbfDWj/awbvyXZt2',
  'WTqe4IPIUPGYf3D8XqyLOD64pbCcH4s0PrhG4nKg6I+bjmkgvnq3rXv1RBsfXBs3r0Vc73aLwcQlc4neDeYTfhDp3aQdRHopaQeRxKWn',
  'iX4B3o42P7g2br7pbzsEZL8wHy/EBcTJPAy41Bb8YE65xH4hkriUPOEH0N0W/GDeDRcSfBDpo0AJPoWjRyEfGdQ0OIIT9oXDsZCQjRz9',
  'j+MV4YBDXbK/L7INoSMOkYNDC+GANOfl/GgOCB0H5Hw4JAsOsoJ0QIh1IKwDyDIwlGUfKI95EMsA8ruu7dpB0aew04P2s7MeLko+hV2x',
  'xoXBEY0/YUDk1lpuEDBfQw/L95ws4gLVAsibtUEaLI5toj7HcQuQAnQ63i9bQhEgu+87jMK7nVBCHo1Hbq+psxJrwcs19NDi/zB5vxNK',
  'yHP8Sd6xZPxJKKGE2oOWCZ/f/+PPR1Z+8P0foDmJ889nQCYLQVdWuwb2yN87QAqcAF3dUj5xFktIz67LSDHvekBjbSxKP/2ckJ4G4Bnh',
  '+l8dLf/wwvNvdaF07qsZ0En1geXqSgjpfUsz4F7hnihq9vtnhzac+fXdr/5xLgPeqUjlM0I5s3vvXPmNV761Fl1/Sih/9IRw3z4ABi7u',
  'ePnfT8/8FK3pf/ikdP3XU1nAb71ycsMl9uPic13vENPv7gOadbt3nUHXS/XBa3jR9iA/ET6j6ZFGPL/VwqfSN1WZrPY9eah+sG/+Ryfn',
  '+ipT+/s+Jn7n/vYa/IpUaF4Th8JObC/o4FrosLygxh0s12ctPkdYYurazzMgzv0uCbDeYbcFWI3HHHWZqUuHuWp8xJiLMEiNp5gQLqnx',
  'EWMi3ngI4zLGxO98L9PAwb7ntDEL0LVizHDhN4oF/PopCTvROYrdh2IcZOR74jwoljTabgq9r6OT1frBo7X6mgb2McTYR/qeu62/UD7P',
  'c1DAOM5ffOY8cp7GVrHa/6TYBwOoazqmPNGpwnYkO2Ic3DOX0cibGOOQHIkxDsl8apkR4yZ3pnkslusyTolxzmVMw3yIykXY1yhTSBfj',
  '2MoYd13GPlQ2wrFPVSZna396FQMdeQBkM5CzuvkADjJIGpgJevwS6p8T1XVp7CdLJCEvqMDwFKGQ5wdPGJXfEVOeUAt5N1XghhRpLNgd',
  'PqWAmGrPRTHgPgZABEBqxRcLdkfmMhoFFwMgUmjVimxWVmBRmQjg0P6dCPhQflT3BRnoMECi6xAAonpiYFwiP+ew8HUsd6DyWL2W23Qs',
  'NzszkduUe7JW27Rx40x1onL0XmZD9Uhl8vBENTecO1Qbm5l+ojqV21Sfma0O5w4cmqnVd1WrU7uqj01P7RdKYMocnxe+WHY4N1Gp1R8Q',
  'rq6r/uXZPEczNC2UNXVgemayUj80PTWqXEEfH87NVL8sJAonu3fnqrO54WO5Wr1Srwr1mjj0BKpGRVdimc+jEierldrsTHW/cOE9W6eK',
  'u56qPc5M3PNI7vijw7tzszXzgmhxzx5NQY8f/vznto8+tPG+wv0FoaBHj0sNuE0zVlh1+oAGijI0+I9qwZspnXBrVZC2EpDdCdY120SD',
  'kjHhzhb3phwqCtCBcOUeRg5anhAwc3pwEqg6jBMCRvyWDUBI90NBQJOwemUffe+dM54cUAvCzYRltK8uHn/QDrbNJgTU44ZacEY7+XZq',
  'FNPeSAbXDTr4P4wpvyobiknBdOcJNhQLW5v4RVSMn1PZgDAXiQD+YeuHlMV6hXUDQiNSNoLp9mUciZoxzOw5UjHFC2UDwt5Ib0AY1DgS',
  'pw0Im99b2rB0IcBg/VRI26+V3hfXzT6UjeZWOxpHwrDRnN+8g/g4rgH7FVrl+caUQeKhVxuLxFW+UJ5LkjsvuziOxEmWgAT8FuXn147p',
  '81uiunFUmHgmLnR741c2lmOJf5gbQ3rxmxqeeJhK+tuINqt+x7qd3vmahic+SAYQQ1L7/8S1nTAvILvuKvn8I/JxvXwcko+PAMUGi2ze',
  'n1gunR/pkY5Pycdn5OOz8vE3Pf5uGulU7wjzJtxByjkIFv8KTHxq8nZ9aspsscDReXd8aqy4wjTxqSnzo5/ed1995/2FA19QXGFO7NRA',
  'ZdYFFUV/3mxaFOrEE2gwFWLFLQQ6fE2M8uN6Q6B110GfFS3yOnWF8eIa+/EDBj1dG2PmMomPYV0b06z9ou5Ka0T69YiIsHuieu9NTAu6',
  '9TBqFxm12yR2o1mYM3ehVLvC3JJdYZSpZ2kq6ZYHJokwTD17NSTGX31eFRqXBzfFGK+nnuOqGSquMIOe4YWZTBGVtm4mX6VdxriwrBtW',
  'Rq7+SLhIWZFFvCTKxjgSRpdKq3VSXGGkaedrLuBFu7jCQBBfc5ziaivxBYqHgeMOJ9R+tFgeG/J8HImTixQ+XxJAHf14Z41cbSmP+TGK',
  '2NpOeqreFeYmgXwB24BvIIF8EY+x+EENXmxOhlpLFO92Sngi4QkdzqnCW6DzaaCYsFH6Xtk0/XpPErM5Dv2N5IY5YGKiLtgzUZfYYonN',
  's/mCGybq5qblTqvsDIwjH+j/bxZFQb+1RisRwug/Ciw2W0ML+eyIM/pVpyn5s6JFG5CYlq2IRV5FWWhlWu7wCg4tqsVuTP17vdIE/+6M',
  'KZypoyx8+0xGY2ZWhx5Tm4oxLRiEXdSbqO2Ylq/KpmWlD4Y99zimHP7vdj4n/K8PE+r30Oi1aKP0fy/x6hXoI5aERWVvn62CpKmcDz00',
  'LTt5v6FL/RmGZ4kCKS5K3kXrgSHgAa/4I65Tv4pJoDcwl4MohKI3So8rX+ij9dwIgYuSGzzk14p8ykQujaqsobiirHJtHAlb9LWo6gVB',
  'urEpetbqULu6hkF3syt3tms0wHbfzrWdTSRIXTE1LRRtmha4QpHJ8wWmlWmBs2la2O6KaaFVAOeUCeungHHgSMpERFGvKCMVw6AFSFOb',
  'GlDXrnBZbHMrgLPV+7u5ag06uLcZdLSC2jDBK7pfnE0LDRHpBe3OTeoAzvqVbYiMgv1fVq1me0+1au2qyrTw4unWq9YUyoY6gHNYxZ+4',
  'Ds3Kcw14zhdOvIeDXDlGsjuTl3zkh6iooNIqz1etedl2EARrkoweDlhV8aQp5OsEKp7bsmdUiALtsMq1L/BVKCCCvJRyuV5hWeWqmCLd',
  '4Qs3AvUGJR+SmDniGqjX79VJcRlb2mcjgGibnIK4f5xNTm6sWnNTdk/wIhqE5r72AEPTwtT0vun9R5taFg5UJmpVW+aBhBJySP8HU3j3',
  'o4TqAAA=',
]
